// Package listings is "spapi listings": what a seller offers, and at which price.
package listings

import (
	"context"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/listingsitems20210801"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// NewCmdListings returns the command with all below it.
func NewCmdListings(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "listings <command>",
		Short: "Show and change what the seller offers",
		Long: "Shows and changes the listings of a seller in the marketplace in force, by their SKUs. Changes are accepted at once and take effect\n" +
			"some minutes later; --preview lets Amazon check a change without making it.",
		Example: "  spapi listings get PN-0005\n" +
			"  spapi listings set-price PN-0005 12.50\n" +
			"  spapi listings set-quantity \"shelf 0055\" 40",
		Args: exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdList(f, nil), NewCmdGet(f, nil), NewCmdPut(f, nil), NewCmdPatch(f, nil), NewCmdSetPrice(f, nil), NewCmdSetQuantity(f, nil), NewCmdDelete(f, nil))
	return cmd
}

// Options are what all these commands have.
type Options struct {
	Factory *factory.Factory

	SKU      string
	SellerID string
	Preview  bool
}

func (o *Options) addFlags(cmd *cobra.Command, changes bool) {
	cmd.Flags().StringVar(&o.SellerID, "seller-id", "", "`id` of the seller (default: SPAPI_SELLER_ID, else the account's)")
	if changes {
		cmd.Flags().BoolVar(&o.Preview, "preview", false, "let Amazon check the change without making it")
	}
}

// place is where a command works.
type place struct {
	*factory.Shop
	listings *listingsitems20210801.Client
	seller   string
	ids      []string // of the marketplace
}

func (o *Options) open(ctx context.Context) (*place, error) {
	shop, err := o.Factory.Shop(ctx, false)
	if err != nil {
		return nil, err
	}
	seller, err := o.Factory.SellerID(ctx, shop.Client, o.SellerID)
	if err != nil {
		return nil, err
	}
	return &place{shop, listingsitems20210801.New(shop.Client), seller, []string{shop.Marketplace.ID}}, nil
}

func oneSKU(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return exit.Usagef("wants one SKU, got %s", output.Plural(len(args), "argument"))
	}
	return nil
}

// columns of a submission.
var submitted = []output.Column{
	{Name: "sku", Path: "sku"}, {Name: "status", Path: "status"}, {Name: "submission", Path: "submissionId"},
	{Name: "asin", Path: "identifiers.asin"},
}

// tell shows what became of a change. One that Amazon found invalid is an error of the API, whatever the status.
func (o *Options) tell(ctx context.Context, operation string, answer *listingsitems20210801.ListingsItemSubmissionResponse) error {
	f := o.Factory
	var err error
	if f.Printer().Whole() {
		err = f.Print(ctx, answer, submitted...)
	} else {
		err = f.Print(ctx, []*listingsitems20210801.ListingsItemSubmissionResponse{answer}, submitted...)
	}
	if err != nil {
		return err
	}
	refused := &spapi.APIError{Operation: operation, StatusCode: http.StatusOK}
	for _, i := range answer.Issues {
		text := i.Message
		if len(i.AttributeNames) > 0 {
			text += " (" + strings.Join(i.AttributeNames, ", ") + ")"
		}
		if i.Severity == listingsitems20210801.IssueSeverityError {
			refused.Errors = append(refused.Errors, spapi.ErrorItem{Code: i.Code, Message: text})
		} else {
			f.Notef("%s %s: %s", strings.ToLower(string(i.Severity)), i.Code, text)
		}
	}
	switch answer.Status {
	case listingsitems20210801.ListingsItemSubmissionResponseStatusInvalid:
		refused.Code, refused.Message = string(answer.Status), "Amazon gave no reason"
		if len(refused.Errors) > 0 {
			refused.Code, refused.Message = refused.Errors[0].Code, refused.Errors[0].Message
		}
		return refused
	case listingsitems20210801.ListingsItemSubmissionResponseStatusValid:
		f.Notef("valid; nothing was changed (--preview)")
	case listingsitems20210801.ListingsItemSubmissionResponseStatusAccepted:
		f.Notef("accepted; it takes effect in some minutes")
	}
	return nil
}
