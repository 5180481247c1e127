// Package sign is "spapi sign": a request signed with AWS credentials, the way that Amazon demanded until 2023-10-02.
package sign

import (
	"cmp"
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/awsauth"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/preview"
	"github.com/openspapi/spapi/internal/cli/raw"
	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// Options are the flags of "spapi sign" and what it works with.
type Options struct {
	Factory *factory.Factory

	Request     raw.Flags
	RoleARN     string
	Curl        bool
	ShowSecrets bool
}

// NewCmdSign returns the command. runF replaces the work in tests.
func NewCmdSign(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "sign [method] <path>",
		Short: "Sign a request as Amazon wanted it until 2023",
		Long: `Prints a request with access token and AWS Signature Version 4, as Amazon demanded it until 2023-10-02 and as programs of
that time still send it: the refresh token becomes an access token, the IAM role is assumed, and the request is signed for
execute-api. Amazon ignores such signatures today. The request itself is not sent; a signature holds for five minutes.

The role is that of --role-arn, of the stored account's application, or of SPAPI_ROLE_ARN or SP_ROLE_ARN; without one the AWS credentials
themselves sign. These are looked for as AWS's own tools do, in AWS_ACCESS_KEY_ID, AWS_PROFILE and so on.`,
		Example: "  spapi --emulator sign GET /catalog/v0/items --query MarketplaceId=ATVPDKIKX0DER --query Query=pen\n" +
			"  spapi sign /orders/v0/orders?MarketplaceIds=ATVPDKIKX0DER --curl --show-secrets",
		Args: opts.Request.Args,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	opts.Request.Add(cmd)
	cmd.Flags().StringVar(&opts.RoleARN, "role-arn", "", "`ARN` of the IAM role to assume")
	cmd.Flags().BoolVar(&opts.Curl, "curl", false, "print the request as a curl command")
	cmd.Flags().BoolVar(&opts.ShowSecrets, "show-secrets", false, "show the tokens and the signature")
	return cmd
}

func run(ctx context.Context, opts *Options) error {
	f := opts.Factory
	req, err := opts.Request.Request(ctx, f.Streams.In)
	if err != nil {
		return err
	}
	signer, err := newSigner(ctx, opts)
	if err != nil {
		return err
	}
	tokens, err := f.Transport()
	if err != nil {
		return err
	}
	if tokens == nil {
		tokens = http.DefaultTransport
	}
	kept := &preview.Recorder{Tokens: tokens, KeepTokens: req.URL.Path == preview.RestrictedTokens}
	client, err := f.Client(ctx, spapi.WithTransport(kept), spapi.WithSigner(signer))
	if err != nil {
		return err
	}
	resp, err := client.Do(req, spapi.WithoutRetry())
	if err == nil {
		_ = resp.Body.Close()
	}
	if kept.Request == nil {
		return err
	}
	show := preview.Flags{Curl: opts.Curl, ShowSecrets: opts.ShowSecrets}
	return show.Show(ctx, f, kept)
}

// newSigner makes the signer of the account: with --emulator from the emulator's AWS credentials.
func newSigner(ctx context.Context, opts *Options) (*awsauth.Signer, error) {
	f := opts.Factory
	if f.Flags.Emulator {
		emu, err := f.Emulator()
		if err != nil {
			return nil, err
		}
		c := emu.Credentials()
		role := c.RoleARN
		if opts.RoleARN != "" {
			role = opts.RoleARN
		}
		return awsauth.New(awsauth.Config{
			RoleARN:         role,
			BaseCredentials: credentials.NewStaticCredentialsProvider(c.AWSAccessKeyID, c.AWSSecretAccessKey, ""),
			STSRegion:       marketplace.NorthAmerica.AWSRegion(),
			HTTPClient:      &http.Client{Transport: emu},
		})
	}
	set, err := settings.RoleARN.Read()
	if err != nil {
		return nil, err
	}
	role := cmp.Or(opts.RoleARN, set.Text)
	if role == "" {
		t, err := f.Target(ctx)
		if err != nil {
			return nil, err
		}
		role = t.Application.RoleARN
	}
	return awsauth.New(awsauth.Config{RoleARN: role})
}
