// Package emulator is "spapi emulator": the emulated API on a port.
package emulator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/listen"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/cli/when"
	"github.com/openspapi/spapi/marketplace"
)

// Options are the flags of "spapi emulator" and what it works with.
type Options struct {
	Streams *terminal.Streams

	TLS           bool
	CADir         string
	Listen        string
	Seed          int64
	Region        string
	Accounts      int
	Orders        int
	SKUs          int
	Days          int
	Clock         string
	Faults        []string
	Models        string
	Sandbox       bool
	SandboxStrict bool
	RequireSigV4  bool
	KeepRemoved   bool
	NoLimits      bool
	AppLimits     bool
	Strict        bool
	Explain       bool
	Documented    bool
	ItemsPerPage  int
	AppStatus     string
	RedirectURIs  []string
	LoginURI      string
	SecretQueue   string
	NotifyURL     string
	NotifyFile    string
	Control       string
	Import        string
	Export        string
	RequestLog    string

	Env        string // the shell of --env; "" without it
	Background bool
	place      listen.Place // what Listen says
	launch     launch       // how --background starts another process
}

// NewCmdEmulator returns the command. runF replaces the work in tests.
func NewCmdEmulator(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Streams: f.Streams, launch: launchSelf}
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve an emulated SP-API on this machine",
		Long: "Serves an emulated Selling Partner API with Login with Amazon (below /auth/o2/token), AWS's Security Token Service\n" +
			"(below /sts/) and Simple Queue Service (below /sqs) on one port. When it is ready it prints one line of JSON with its addresses and with credentials\n" +
			"that it accepts; they are good for nothing else. It serves until Ctrl-C or SIGTERM.\n\n" +
			"The same seed gives the same credentials, products and orders. With --models, a checkout of Amazon's\n" +
			"selling-partner-api-models, the official static sandbox cases are replayed too.\n\n" +
			"Clients that know Amazon's own https addresses only are led here, without a change to them: \"spapi emulator run -- npm test\" does so for\n" +
			"any command. By hand: the port is an http and https proxy for Amazon's hosts too, and speaks TLS with a certificate for each of them,\n" +
			"from an authority of this machine's own (ca_file). spapi help emulator-clients tells what each runtime needs.\n\n" +
			"--env prints commands for a shell in place of JSON: its own addresses and credentials under the names that clients read, proxy and\n" +
			"authority. What heeds a proxy reaches Amazon's hosts here from that shell, this machine, and nothing else. With --background the\n" +
			"command ends when the emulator is ready, which serves on until it is killed: pid in the line, SPAPI_EMULATOR_PID in the\n" +
			"environment.\n\n" +
			"  eval \"$(spapi emulator --env --background)\"     afterwards: kill \"$SPAPI_EMULATOR_PID\"\n\n" +
			"While it runs it is steered by JSON below /_emulator/, from this computer only: GET /_emulator/ lists what there is.",
		Example: "  spapi emulator\n" +
			"  spapi emulator run -- npm test\n" +
			"  spapi emulator --env --background\n" +
			"  spapi emulator --tls --listen 127.0.0.1:8443 --ca-dir ca\n" +
			"  spapi emulator --listen 127.0.0.1:8080 --seed 7 --orders 10000 --skus 500 --days 730\n" +
			"  spapi emulator --clock fixed --no-limits --fault throttle,operation=ordersv0.*,every=5,burst=3\n" +
			"  spapi emulator --fault lag,within=30m,operation=orders* --fault short-page,every=3 --fault restated,within=168h\n" +
			"  spapi emulator --sandbox --sandbox-strict --models ../selling-partner-api-models",
		Args: func(cmd *cobra.Command, args []string) error {
			if _, err := findShell(strings.Join(args, " ")); err == nil && cmd.Flags().Changed("env") {
				return exit.Usagef("unknown command %q: did you mean --env=%s?", args[0], args[0])
			}
			return exit.Group(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.Flags.Output.Refuse("the line with the addresses"); err != nil {
				return err
			}
			if err := opts.check(); err != nil {
				return err
			}
			if opts.Env != "" {
				if _, err := findShell(opts.Env); err != nil {
					return err
				}
				if opts.place.Unix() {
					return exit.Usagef("--env needs an address: no client's proxy is a socket: %s", "--listen 127.0.0.1:0")
				}
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			if opts.Background {
				return background(cmd, opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	addFlags(cmd.Flags(), opts)
	cmd.Flags().StringVar(&opts.Env, "env", "", "print commands for a `shell` in place of JSON: sh, fish or powershell; or dotenv, for lines of NAME=value")
	cmd.Flags().Lookup("env").NoOptDefVal = shells[0].name
	cmd.Flags().BoolVar(&opts.Background, "background", false, "end when the emulator is ready, and let it serve on until it is killed")
	cmd.AddCommand(newCmdRun(f, nil), newCmdCA(f), newCmdHosts(f), newCmdClients(f))
	return cmd
}

// addFlags adds the flags that whatever starts an emulator has.
func addFlags(flags *pflag.FlagSet, opts *Options) {
	flags.BoolVar(&opts.TLS, "tls", false, "print https addresses; the port speaks TLS as well as plain http with or without it")
	addCADir(flags, &opts.CADir)
	flags.StringVar(&opts.Listen, "listen", "127.0.0.1:0", "`address` to listen on, or unix: and the path of a socket; port 0 takes a free one")
	flags.Int64Var(&opts.Seed, "seed", 1, "`number` that chooses credentials and data")
	flags.StringVar(&opts.Region, "region", "na", "`region` of the sellers: na, eu or fe")
	flags.IntVar(&opts.Accounts, "accounts", 1, "`number` of sellers, isolated from each other; their credentials: GET /_emulator/accounts")
	flags.IntVar(&opts.Orders, "orders", 300, "`number` of orders of each seller at the start")
	flags.IntVar(&opts.SKUs, "skus", 60, "`number` of products of each seller")
	flags.IntVar(&opts.Days, "days", 60, "`number` of days before the start over which the orders are spread")
	flags.StringVar(&opts.Clock, "clock", "real",
		"`clock`: real, fixed, fixed:2026-03-01T00:00:00Z (any time of \"spapi help times\", in UTC), or a speed such as 3600x")
	factory.Repeatable(flags, &opts.Faults, "fault", "", "`rule` by which requests, lists or reports go wrong, such as latency,latency=2s,probability=0.1 or lag,within=30m,operation=orders*; repeatable")
	flags.StringVar(&opts.Models, "models", "", "`folder` of Amazon's models, whose sandbox cases are replayed")
	flags.BoolVar(&opts.Sandbox, "sandbox", false, "be the sandbox: its limits (5 per second, burst 15) and its cases")
	flags.BoolVar(&opts.SandboxStrict, "sandbox-strict", false, "refuse sandbox requests that match no case; needs --models")
	flags.BoolVar(&opts.RequireSigV4, "require-sigv4", false, "refuse requests without a valid Signature Version 4, as until 2023-10-02")
	flags.BoolVar(&opts.KeepRemoved, "keep-removed", false, "keep operations and types of reports, feeds and notifications that Amazon has removed by --clock")
	flags.BoolVar(&opts.NoLimits, "no-limits", false, "never answer 429")
	flags.BoolVar(&opts.AppLimits, "app-limits", false, "add the limits over all sellers of an application, which no header shows")
	flags.BoolVar(&opts.Strict, "strict-parameters", false, "refuse query parameters that an operation doesn't have, which Amazon ignores")
	flags.BoolVar(&opts.Explain, "explain", false, "say in the header x-spapi-emulator-reason why a request was refused")
	flags.BoolVar(&opts.Documented, "documented-shipping-errors", false, "let Merchant Fulfillment refuse with the codes of Amazon's error table, not with InvalidInput")
	flags.IntVar(&opts.ItemsPerPage, "order-items-per-page", 100, "`number` of an order's items that getOrderItems shows at once; no order has more than 3")
	flags.StringVar(&opts.AppStatus, "application-status", "published", "`status` of the application: draft, published or listed")
	factory.Repeatable(flags, &opts.RedirectURIs, "redirect-uri", "", "OAuth redirect `URI` of the application; repeatable (default http://127.0.0.1 and http://localhost, with any port and path)")
	flags.StringVar(&opts.LoginURI, "login-uri", "", "OAuth login `URI` of the application, where authorizations from the Appstore lead")
	flags.StringVar(&opts.SecretQueue, "credential-queue", "", "`ARN` of the queue for new client secrets")
	flags.StringVar(&opts.NotifyURL, "notify-url", "", "`URL` to which each message to a queue is posted, too; in their order, again where that fails")
	flags.StringVar(&opts.NotifyFile, "notify-file", "", "`file` to which each message to a queue is added, too, as a line of JSON, with new secrets in them")
	flags.StringVar(&opts.Control, "control", "local", "who may use /_emulator/: `local`, off, or anyone who reaches the port")
	flags.StringVar(&opts.Import, "import", "", "`file` with a state to start from")
	flags.StringVar(&opts.Export, "export-on-exit", "", "`file` to write the state to at the end")
	flags.StringVar(&opts.RequestLog, "request-log", "", "`file` to write the last 1,000 requests to at the end, a line of JSON each, without secrets")
}

var controls = map[string]emulator.Control{"local": emulator.ControlLocal, "off": emulator.ControlOff, "anyone": emulator.ControlAnyone}

// check finds mistakes that cobra can't know of.
func (o *Options) check() error {
	if _, ok := controls[o.Control]; !ok {
		return exit.Usagef("--control %q: want local, off or anyone", o.Control)
	}
	if _, err := marketplace.ParseRegion(o.Region); err != nil {
		return exit.Usagef("--region: %w", err)
	}
	if o.Accounts < 1 {
		return exit.Usagef("--accounts %d: want at least 1", o.Accounts)
	}
	if o.Orders < 0 || o.SKUs < 1 || o.Days < 1 {
		return exit.Usagef("--orders %d, --skus %d, --days %d: want at least 0, 1 and 1", o.Orders, o.SKUs, o.Days)
	}
	if o.ItemsPerPage < 1 {
		return exit.Usagef("--order-items-per-page %d: want at least 1", o.ItemsPerPage)
	}
	if !slices.Contains([]string{"draft", "published", "listed"}, o.AppStatus) {
		return exit.Usagef("--application-status %q: want draft, published or listed", o.AppStatus)
	}
	for _, uri := range o.RedirectURIs {
		if !address(uri) {
			return exit.Usagef("--redirect-uri %q: want an address such as https://app.example.com/callback", uri)
		}
	}
	if o.LoginURI != "" && !address(o.LoginURI) {
		return exit.Usagef("--login-uri %q: want an address such as https://app.example.com/login", o.LoginURI)
	}
	if o.SandboxStrict && o.Models == "" {
		return exit.Usagef("--sandbox-strict needs --models")
	}
	if o.AppLimits && o.NoLimits {
		return exit.Usagef("--app-limits and --no-limits exclude each other")
	}
	for flag, file := range map[string]string{"export-on-exit": o.Export, "request-log": o.RequestLog, "notify-file": o.NotifyFile} { // found out now, not when all is lost
		if info, err := os.Stat(filepath.Dir(file)); file != "" && (err != nil || !info.IsDir()) {
			return exit.Usagef("--%s %q: there is no folder %q", flag, file, filepath.Dir(file))
		}
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			return exit.Usagef("--%s %q: want a file, this is a folder", flag, file)
		}
	}
	if err := o.checkNotify(); err != nil {
		return err
	}
	var err error
	if o.place, err = listen.Parse(o.Listen, ""); err != nil {
		return exit.Usagef("--listen %q: %w", o.Listen, err)
	}
	if _, err := o.clock(); err != nil {
		return err
	}
	for _, text := range o.Faults {
		if _, err := emulator.ParseFault(text); err != nil {
			return exit.Usagef("--fault: %s", strings.TrimPrefix(err.Error(), "emulator: "))
		}
	}
	return nil
}

// clock reads --clock. The time behind "fixed:" is in the grammar of all times, and in UTC: no seller is in force.
func (o *Options) clock() (emulator.Option, error) {
	text := o.Clock
	if given, ok := strings.CutPrefix(text, "fixed:"); ok {
		var at when.Time
		if err := at.Set(given); err != nil {
			return nil, exit.Usagef("--clock %q: behind fixed: %w", o.Clock, err)
		}
		text = "fixed:" + at.Begin(time.Now(), time.UTC).Format(time.RFC3339)
	}
	clock, err := emulator.ParseClock(text)
	if err != nil {
		return nil, exit.Usagef("--clock %q: want real, fixed, fixed: and a time such as 2026-03-01T00:00:00Z in the years 2000 to 2199, or a speed such as 3600x", o.Clock)
	}
	return clock, nil
}

// address tells whether a browser can be sent to uri.
func address(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// build makes the emulator; check has looked at the flags.
func (o *Options) build(also ...emulator.Option) (*emulator.Emulator, error) {
	region, err := marketplace.ParseRegion(o.Region)
	if err != nil {
		return nil, err
	}
	clock, err := o.clock()
	if err != nil {
		return nil, err
	}
	options := []emulator.Option{
		emulator.WithSeed(o.Seed), emulator.WithRegion(region), emulator.WithOrders(o.Orders), emulator.WithProducts(o.SKUs), emulator.WithDays(o.Days),
		clock, emulator.WithControl(controls[o.Control]), emulator.WithOrderItemsPerPage(o.ItemsPerPage),
		emulator.WithApplicationStatus(emulator.ApplicationStatus(o.AppStatus)), emulator.WithLoginURI(o.LoginURI), emulator.WithCredentialQueue(o.SecretQueue),
		emulator.WithCADir(o.CADir),
	}
	if o.RedirectURIs != nil {
		options = append(options, emulator.WithRedirectURIs(o.RedirectURIs...))
	}
	for _, text := range o.Faults {
		f, err := emulator.ParseFault(text)
		if err != nil {
			return nil, err
		}
		options = append(options, emulator.WithFault(f))
	}
	if o.Models != "" {
		options = append(options, emulator.WithModels(o.Models))
	}
	for _, on := range []struct {
		flag   bool
		option func() emulator.Option
	}{
		{o.Sandbox, emulator.WithSandbox}, {o.SandboxStrict, emulator.WithSandboxStrict}, {o.RequireSigV4, emulator.WithRequireSigV4},
		{o.KeepRemoved, emulator.WithRemoved},
		{o.NoLimits, emulator.WithoutLimits}, {o.AppLimits, emulator.WithApplicationLimits},
		{o.Strict, emulator.WithStrictParameters}, {o.Explain, emulator.WithExplain},
		{o.Documented, emulator.WithDocumentedShippingErrors},
	} {
		if on.flag {
			options = append(options, on.option())
		}
	}
	emu, err := emulator.New(append(options, also...)...)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "emulator: ")) // the command's name is the same
	}
	for range o.Accounts - 1 {
		if _, err := emu.AddAccount(emulator.AccountConfig{Region: region}); err != nil {
			return nil, err
		}
	}
	if o.Import != "" {
		if err := importState(emu, o.Import); err != nil {
			return nil, err
		}
	}
	return emu, nil
}

func importState(emu *emulator.Emulator, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--import: %w", err)
	}
	var s emulator.State
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("--import %q: %w", file, err)
	}
	if err := emu.Import(&s); err != nil {
		return fmt.Errorf("--import %q: %s", file, strings.TrimPrefix(err.Error(), "emulator: import: "))
	}
	return nil
}

// exportState writes the state to a file.
func exportState(emu *emulator.Emulator, file string) error {
	s, err := emu.Export()
	if err != nil {
		return fmt.Errorf("--export-on-exit %q: %w", file, err)
	}
	b, err := json.Marshal(s)
	if err == nil {
		err = swap(file, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("--export-on-exit: %w", err)
	}
	return nil
}

// logRequests writes the last requests to a file.
func logRequests(emu *emulator.Emulator, file string) error {
	var b bytes.Buffer
	for _, r := range emu.Requests() {
		if err := json.NewEncoder(&b).Encode(r); err != nil {
			return fmt.Errorf("--request-log: %w", err)
		}
	}
	if err := swap(file, b.Bytes()); err != nil {
		return fmt.Errorf("--request-log: %w", err)
	}
	return nil
}

// swap replaces a file whole or not at all, and nothing but a file: a pipe, a device or a link, such as /dev/stderr, is written to.
func swap(file string, content []byte) error {
	info, err := os.Lstat(file)
	if err != nil || info.Mode().IsRegular() {
		return replace(file, content, 0o600)
	}
	info, err = os.Stat(file)
	for _, open := range []*os.File{os.Stdout, os.Stderr} {
		if own, statErr := open.Stat(); err == nil && statErr == nil && os.SameFile(info, own) { // opened again, what was printed would be lost
			_, err := open.Write(content)
			return err
		}
	}
	return os.WriteFile(file, content, 0o600)
}

// ready is the line that tells a waiting program where to go.
type ready struct {
	URL                string `json:"url"`
	LWAURL             string `json:"lwa_url"`
	STSURL             string `json:"sts_url"`
	SQSURL             string `json:"sqs_url"`
	ClientID           string `json:"client_id"`
	ClientSecret       string `json:"client_secret"`
	RefreshToken       string `json:"refresh_token"`
	RoleARN            string `json:"role_arn"`
	AWSAccessKeyID     string `json:"aws_access_key_id"`
	AWSSecretAccessKey string `json:"aws_secret_access_key"`
	ApplicationID      string `json:"application_id"`
	SellerID           string `json:"seller_id"`
	Region             string `json:"region"`
	MarketplaceID      string `json:"marketplace_id"`
	CAFile             string `json:"ca_file,omitempty"` // missing where the certificate authority can't be kept
	Socket             string `json:"socket,omitempty"`  // with --listen unix:
	PID                int    `json:"pid,omitempty"`     // with --background: others know whom they have started
}

// gcPercent lets the heap grow to five times of what is in use before it is cleaned up: a world is a few megabytes, and with Go's own 100 a
// loaded emulator would clean up all the time.
const gcPercent = 400

func run(ctx context.Context, opts *Options) error {
	s, err := opts.open(ctx, opts.TLS || opts.CADir != "" || opts.Env != "")
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.announce(opts); err != nil {
		return err
	}
	if opts.Streams.ErrIsTerminal {
		fmt.Fprintf(opts.Streams.Err, "serving on %s, queues on %s; Ctrl-C stops it\n", s.line.URL, s.line.SQSURL)
	}
	if err := s.emu.Serve(ctx, s.listener); err != nil {
		return err
	}
	return s.finish(opts)
}

// served is an emulator that listens.
type served struct {
	emu      *emulator.Emulator
	listener net.Listener
	line     ready
	kit      kit
	address  string // host:port that this machine reaches; "" for a socket
	sinks    *sinks
	gc       int
}

// open makes the emulator and listens. Unless a certificate authority is needed, it goes without where none can be kept, as in a container without a home.
func (o *Options) open(ctx context.Context, needsCA bool) (s *served, err error) {
	to, err := o.openSinks()
	if err != nil {
		return nil, err
	}
	defer func() {
		if s == nil {
			to.close()
		}
	}()
	var also []emulator.Option
	if to != nil {
		also = append(also, emulator.WithNotificationSink(to.take))
	}
	emu, err := o.build(also...)
	if err != nil {
		return nil, err
	}
	s = &served{emu: emu, sinks: to, gc: -1}
	ca, err := emu.CA()
	switch {
	case err == nil:
		s.kit = newKit(ca)
	case needsCA:
		return nil, caError(o.CADir, err)
	default:
		fmt.Fprintf(o.Streams.Err, "https can't be had: %v\n", caError(o.CADir, err))
	}
	s.listener, err = o.place.Listen(ctx)
	if err != nil {
		return nil, fmt.Errorf("--listen %q: %v", o.Listen, err) //nolint:errorlint // not wrapped: its exit status is not that of a network error
	}
	scheme := "http"
	if o.TLS {
		scheme = "https"
	}
	urls, c := emu.URLs(o.place.Base(scheme, s.listener.Addr())), emu.Credentials()
	s.line = ready{
		URL: urls.API, LWAURL: urls.LWA, STSURL: urls.STS, SQSURL: urls.SQS,
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, RefreshToken: c.RefreshToken,
		RoleARN: c.RoleARN, AWSAccessKeyID: c.AWSAccessKeyID, AWSSecretAccessKey: c.AWSSecretAccessKey,
		ApplicationID: c.ApplicationID, SellerID: c.SellerID, Region: string(c.Region), MarketplaceID: c.MarketplaceID,
		CAFile: s.kit.CA,
	}
	if o.place.Unix() {
		s.line.Socket = o.place.Address
	} else {
		s.address = o.place.Reachable(s.listener.Addr())
		if host, _, err := net.SplitHostPort(s.address); err == nil && o.TLS && !loopback(host) {
			fmt.Fprintf(o.Streams.Err, "no certificate names %s: they are for Amazon's hosts, localhost and loopback addresses\n", host)
		}
	}
	if os.Getenv("GOGC") == "" {
		s.gc = debug.SetGCPercent(gcPercent)
	}
	return s, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// caError says which folder can't be used.
func caError(dir string, err error) error {
	text := strings.TrimPrefix(err.Error(), "emulator: ")
	if dir != "" {
		return exit.Usagef("--ca-dir %q: %s", dir, text)
	}
	return fmt.Errorf("%s; --ca-dir names another folder", text)
}

func (s *served) close() {
	_ = s.listener.Close() // a socket's file goes with it
	s.sinks.close()
	if s.gc >= 0 {
		debug.SetGCPercent(s.gc)
	}
}

// announce prints what tells where the emulator is: the line of JSON, or an environment.
func (s *served) announce(o *Options) error {
	if o.Env == "" {
		return output.WriteJSON(o.Streams.Out, s.line)
	}
	return printEnvironment(o, s.line, s.kit, s.address, s.emu.Hosts())
}

func printEnvironment(o *Options, line ready, k kit, address string, hosts []string) error {
	if err := k.write(hosts); err != nil {
		return caError(o.CADir, err)
	}
	sh, err := findShell(o.Env)
	if err != nil {
		return err
	}
	line.PID = cmp.Or(line.PID, os.Getpid())
	return sh.write(o.Streams.Out, newEnvironment(line, k, address, hosts, os.Environ()))
}

// finish writes what is left of an emulator that has ended.
func (s *served) finish(o *Options) error {
	var errs []error
	if o.Export != "" {
		errs = append(errs, exportState(s.emu, o.Export))
	}
	if o.RequestLog != "" {
		errs = append(errs, logRequests(s.emu, o.RequestLog))
	}
	return errors.Join(errs...)
}
