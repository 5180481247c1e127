// Package request is "spapi request": any request by method and path, with tokens, limits and retries as for operations.
package request

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/curl"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/preview"
	"github.com/openspapi/spapi/internal/cli/raw"
	"github.com/openspapi/spapi/internal/settings"
)

// Options are the flags of "spapi request" and what it works with.
type Options struct {
	Factory *factory.Factory

	Request raw.Flags
	Include bool
	Preview preview.Flags
}

// NewCmdRequest returns the command. runF replaces the work in tests.
func NewCmdRequest(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "request [method] <path>",
		Short: "Send any request",
		Long: `Sends a request that is given by method and path, and prints the body of the answer, that of an error too. Tokens, rate
limits and retries work as for "spapi call": the operation is found by method and path, and paths that no operation has are sent as well.

JSON is printed as -o says.`,
		Example: "  spapi --emulator request /sellers/v1/marketplaceParticipations\n" +
			"  spapi --emulator request GET /catalog/2022-04-01/items --query marketplaceIds=ATVPDKIKX0DER --query keywords=pen --jq '.items[].asin'\n" +
			"  spapi request POST /feeds/2021-06-30/documents --input document.json --curl",
		Args: opts.Request.Args,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	opts.Request.Add(cmd)
	cmd.Flags().BoolVarP(&opts.Include, "include", "i", false, "print status and headers of the answer on stderr")
	opts.Preview.Add(cmd)
	return cmd
}

func run(ctx context.Context, opts *Options) error {
	f := opts.Factory
	if err := opts.Preview.Check(); err != nil {
		return err
	}
	req, err := opts.Request.Request(ctx, f.Streams.In)
	if err != nil {
		return err
	}
	if opts.Preview.Given() {
		kept := &preview.Recorder{KeepTokens: req.URL.Path == preview.RestrictedTokens}
		client, err := opts.Preview.Client(ctx, f, kept)
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
		return opts.Preview.Show(ctx, f, kept)
	}
	if req.Method == http.MethodDelete {
		if err := f.Confirm(ctx, fmt.Sprintf("DELETE %s?", req.URL.Path)); err != nil {
			return err
		}
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	var met spapi.Response
	resp, err := client.Do(req, spapi.WithAPIErrors(), spapi.WithResponse(&met))
	if opts.Include && met.StatusCode != 0 {
		include(f, &met)
	}
	if err != nil {
		if writeErr := write(ctx, f, met.Body); writeErr != nil {
			return writeErr
		}
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("the body broke off: %w", err)
	}
	return write(ctx, f, body)
}

// include shows the head of the answer.
func include(f *factory.Factory, met *spapi.Response) {
	var lines []string
	for name, values := range met.Header {
		for _, v := range values {
			lines = append(lines, strings.ToLower(name)+": "+settings.ScrubSecrets(curl.Value(name, v, false)))
		}
	}
	slices.Sort(lines)
	fmt.Fprintf(f.Streams.Err, "%d %s\n%s\n\n", met.StatusCode, http.StatusText(met.StatusCode), strings.Join(lines, "\n"))
}

func write(ctx context.Context, f *factory.Factory, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	if !json.Valid(body) {
		// No operation answers with anything else: it is a page of a proxy or the like, which may repeat what it was sent.
		_, err := fmt.Fprint(f.Streams.Out, settings.ScrubSecrets(string(body)))
		return err
	}
	printer := f.Printer()
	printer.Default = output.JSON
	return printer.Print(ctx, json.RawMessage(body))
}
