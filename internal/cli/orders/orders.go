// Package orders is "spapi orders": the orders of a seller, and their shipment.
package orders

import (
	"regexp"
	"sync"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// NewCmdOrders returns the command with all below it.
func NewCmdOrders(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "orders <command>",
		Short: "List, show and ship orders",
		Long:  "Lists and shows the orders of a seller, and tells Amazon of parcels that you have sent.",
		Example: "  spapi orders list --since 2d --status unshipped\n" +
			"  spapi orders get 302-4891867-6656124\n" +
			"  spapi orders ship 249-9893277-9233849 --carrier UPS --tracking 1Z999AA10123456784",
		Args: exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdList(f, nil), NewCmdGet(f, nil), NewCmdShip(f, nil))
	return cmd
}

var orderID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{3}-\d{7}-\d{7}$`) })

// checkID spares a call that can only fail.
func checkID(id string) error {
	if !orderID().MatchString(id) {
		return exit.Usagef("%q is not an order id: want one such as 123-1234567-1234567", id)
	}
	return nil
}

func oneID(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return exit.Usagef("wants the id of one order, got %s", output.Plural(len(args), "argument"))
	}
	return checkID(args[0])
}
