package output

import "github.com/spf13/cobra"

// NewCmdHelp returns the help topic "formats".
func NewCmdHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "formats",
		Short: "What the output formats hold",
		Long: `Data goes to stdout in the format of -o: a table on a terminal, JSON elsewhere.

  json         the value as Amazon sends it; lists with a row on each line
  jsonl        a row a line
  table        for people, as wide as the terminal: long texts are cut first, then columns are left out, which an ellipsis at
               the end of the heading tells; ids and amounts are never cut
  wide         a table with all columns, uncut
  csv          the columns of -o wide, or all that there is where a command knows none; values are as Amazon sends them, times in UTC
  yaml         the value, for those who read YAML

Lists are written page by page. Where a page fails the rows before it stay, the format is closed properly, and stderr says how far the list
got and how to go on. The columns of a table or CSV, and the widths of a table, are settled by the first page.

--columns chooses the columns of tables and CSV, by the names in the heading (on-the-way for ON THE WAY) or by paths in the JSON: buyer.buyerEmail. A
path goes through lists: orderItems.product.sellerSku is that of the only item, or those of all items; orderItems.0.product.sellerSku is the
first one's.

A field of a CSV holds no JSON. An object is a column for each value in it, total.amount and total.currency, and so is a list of objects:
orderItems.0.orderItemId, orderItems.1.orderItemId. A list of plain values is a field with commas, in which a value with a comma stands in
double quotes. A value of a later page for which the heading has no column is an error at the end that names it: choose --columns then.

--spreadsheet makes a CSV that Excel, LibreOffice and Google Sheets open as it is meant: with a byte order mark and CRLF, and with an apostrophe before
each text that they would run as a formula (one that begins with = + - @, a tab or a line end). Numbers never get one. Without the
apostrophe a buyer's text could act in your spreadsheet; programs that read the file have to take it away.

--jq filters the JSON, whatever the format. It sees a list as a whole, so that the list is kept until it has ended; "spapi call --all" and "spapi
report list" filter the rows one by one. Without -o, strings are printed bare.

On a terminal, what would act on it in the texts of others, such as control characters, is left out, or escaped in JSON. What goes to a pipe or
file is what Amazon sent.`,
	}
}
