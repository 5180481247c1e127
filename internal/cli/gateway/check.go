package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/internal/cli/doctor"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/settings"
)

// newCmdCheck returns "spapi gateway check".
func newCmdCheck(f *factory.Factory) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Tell whether a gateway would start, and reaches what it needs",
		Long: "Reads the configuration as \"spapi gateway\" does, and tells all that is wrong with it. Then it looks at what is named there: folder, secret, keys,\n" +
			"accounts, certificate, and the fleet's server. It changes nothing, and calls neither SP-API nor Login with Amazon. The exit status is 2 if the\n" +
			"configuration is wrong, and 1 if something else is.",
		Example: "  spapi gateway check\n" +
			"  spapi gateway check --config gateway.yaml -o json",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseTarget(&f.Flags); err != nil {
				return err
			}
			return opts.told(check(cmd.Context(), opts, time.Now))
		},
	}
	opts.addPlace(cmd.Flags())
	return cmd
}

// patience is how long each look at something over the network may take.
const patience = 10 * time.Second

// soon is how long before the end of something it is told of.
const soon = 14 * 24 * time.Hour

// examination collects findings.
type examination struct {
	f        *factory.Factory
	c        *config
	now      time.Time
	findings []doctor.Finding
}

func (e *examination) add(check string, status doctor.Status, fix, format string, args ...any) {
	e.findings = append(e.findings, doctor.Finding{Check: check, Status: status, Message: settings.Scrub(fmt.Sprintf(format, args...)), Fix: fix})
}

func (e *examination) ok(check, format string, args ...any) {
	e.add(check, doctor.OK, "", format, args...)
}

func check(ctx context.Context, opts *Options, now func() time.Time) error {
	c, err := load(opts.overrides())
	if err != nil {
		return err
	}
	e := &examination{f: opts.Factory, c: c, now: now()}
	if c.file == "" {
		e.ok("configuration", "there is no file: all is as the defaults have it")
	} else {
		e.ok("configuration", "%s", c.file)
	}
	e.folder()
	if s, ok := e.secret(); ok {
		e.keys(ctx, s)
	}
	e.accounts(ctx)
	e.fleet(ctx)
	e.listen()
	e.certificate()
	if err := ctx.Err(); err != nil {
		return err
	}
	report := doctor.Report{OK: true, Findings: e.findings}
	for _, f := range e.findings {
		report.OK = report.OK && f.Status != doctor.Problem
	}
	if p := e.f.Printer(); !p.Whole() {
		doctor.Show(e.f.Streams, &report)
	} else if err := p.Print(ctx, report); err != nil {
		return err
	}
	if !report.OK {
		return exit.ErrReported
	}
	return nil
}

// folder looks whether what must be kept can be, and by nobody else.
func (e *examination) folder() {
	const what = "folder"
	dir := string(e.c.Folder)
	if dir == "" {
		e.add(what, doctor.Skipped, "", "the emulator's gateway keeps nothing")
		return
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		parent := filepath.Dir(dir)
		for parent != filepath.Dir(parent) {
			if _, err := os.Stat(parent); err == nil {
				break
			}
			parent = filepath.Dir(parent)
		}
		if err := writable(parent); err != nil {
			e.add(what, doctor.Problem, "", "%s isn't there and can't be made: %v", dir, err)
			return
		}
		e.ok(what, "%s isn't there yet: the first start makes it", dir)
		return
	}
	switch {
	case err != nil:
		e.add(what, doctor.Problem, "", "%v", err)
	case !info.IsDir():
		e.add(what, doctor.Problem, "", "%s is no folder", dir)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		e.add(what, doctor.Problem, "chmod 700 "+dir, "others may write to %s: they could make keys", dir)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o055 != 0:
		e.add(what, doctor.Warning, "chmod 700 "+dir, "others may look into %s", dir)
	default:
		if err := writable(dir); err != nil {
			e.add(what, doctor.Problem, "", "%s can't be written to: %v", dir, err)
			return
		}
		e.ok(what, "%s", dir)
	}
}

// writable makes a file in a folder, and removes it.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".check-*")
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			return pe.Err
		}
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// secret looks at what seals tokens, without making it.
func (e *examination) secret() (secret, bool) {
	const what = "secret"
	c := e.c
	if c.State != "fleet" && c.SecretFile == "" && settings.GatewaySecret.Getenv() == "" {
		if _, err := os.Stat(filepath.Join(string(c.Folder), secretFile)); errors.Is(err, fs.ErrNotExist) || c.Folder == "" {
			e.ok(what, "the first start makes it")
			return secret{}, true
		}
	}
	told := &warnings{}
	s, err := openSecret(c, slog.New(told))
	switch {
	case err != nil:
		e.add(what, doctor.Problem, "", "%v", err)
		return s, false
	case told.last != "":
		e.add(what, doctor.Warning, "chmod 600 "+s.from, "%s: %s", s.from, told.last)
	default:
		e.ok(what, "%s", s.from)
	}
	return s, true
}

// warnings keeps the last message that it is told.
type warnings struct {
	slog.Handler
	last string
}

// Enabled is part of [slog.Handler].
func (w *warnings) Enabled(context.Context, slog.Level) bool { return true }

// Handle is part of [slog.Handler].
func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	w.last = r.Message
	return nil
}

func (e *examination) keys(ctx context.Context, s secret) {
	const what = "keys"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	state, end, err := openState(e.f, e.c, s, quietly())
	if err != nil {
		e.add(what, doctor.Problem, "", "%v", err)
		return
	}
	defer func() { _ = end() }()
	records, err := state.Load(ctx)
	if err != nil {
		e.add(what, doctor.Problem, "", "%v", err)
		return
	}
	open, ending := 0, []string(nil)
	for _, k := range records.Keys {
		if !k.Revoked.IsZero() || !k.Expires.IsZero() && !e.now.Before(k.Expires) {
			continue
		}
		open++
		if !k.Expires.IsZero() && k.Expires.Sub(e.now) < soon {
			ending = append(ending, fmt.Sprintf("%s (%s) on %s", k.Name, k.ID, k.Expires.UTC().Format(time.DateOnly)))
		}
	}
	switch {
	case len(records.Keys) == 0 && e.c.emulate:
		e.ok(what, "the gateway makes one at its start")
	case len(records.Keys) == 0 && e.c.Listen.Loopback():
		e.ok(what, "there is none, so callers on this machine need none")
	case open == 0:
		e.add(what, doctor.Warning, "spapi gateway key create", "there is none that opens anything: each call will be refused")
	case len(ending) > 0:
		e.add(what, doctor.Warning, "spapi gateway key rotate", "%s; soon to end: %s", output.Plural(open, "key"), strings.Join(ending, ", "))
	default:
		e.ok(what, "%s", output.Plural(open, "key"))
	}
	if n := len(records.Blocks); n > 0 {
		e.add("blocks", doctor.Warning, "spapi gateway blocks", "%s in force", output.Plural(n, "block is", "blocks are"))
	}
}

func (e *examination) accounts(ctx context.Context) {
	const what = "accounts"
	if e.c.emulate {
		e.ok(what, "%s, of the emulator", demoName)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	store, err := openAccounts(ctx, e.f, &e.c.Accounts)
	if err != nil {
		e.add(what, doctor.Problem, "", "%v", err)
		return
	}
	list, err := store.List(ctx)
	if err != nil {
		e.add(what, doctor.Problem, exit.Explain(err), "%v", err)
		return
	}
	if len(list) == 0 {
		e.add(what, doctor.Warning, "spapi auth login", "there is none in %s", store.String())
		return
	}
	clients, wrong := accounts.NewClients(store), 0
	ends := map[string]time.Time{}
	for _, a := range list {
		t, err := clients.Resolve(ctx, a.Name)
		if err == nil {
			_, err = clients.Of(t.Account, t.Application)
		}
		if err != nil {
			wrong++
			e.add(what, doctor.Problem, exit.Explain(err), "%q: %v", a.Name, err)
			continue
		}
		if end := t.Application.SecretExpires; !end.IsZero() && end.Sub(e.now) < soon {
			ends[t.Application.ClientID] = end
		}
	}
	for id, end := range ends {
		e.add(what, doctor.Warning, "spapi auth rotate", "the client secret of %s ends on %s", id, end.UTC().Format(time.DateOnly))
	}
	if wrong == 0 {
		e.ok(what, "%s in %s", output.Plural(len(list), "account"), store.String())
	}
}

func (e *examination) fleet(ctx context.Context) {
	const what = "fleet"
	if e.c.emulate && e.c.Fleet.Address == "" && e.c.Fleet.AddressFile == "" {
		return
	}
	address, err := fleetAddress(e.f, e.c)
	if err != nil {
		e.add(what, doctor.Problem, exit.Explain(err), "%v", err)
		return
	}
	if address == "" {
		return
	}
	shared, err := openFleet(e.f, e.c, quietly())
	if err != nil {
		e.add(what, doctor.Problem, exit.Explain(err), "%v", err)
		return
	}
	if shared.Close != nil {
		defer func() { _ = shared.Close() }()
	}
	server, err := goredis.Open(address)
	if err != nil {
		e.add(what, doctor.Problem, "", "%v", err)
		return
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	health, err := fleet.Probe(ctx, server, "")
	if err != nil {
		e.add(what, doctor.Problem, "", "%s", fleet.Explain(err))
		return
	}
	tokens := "limits and tokens are shared"
	if shared.Tokens == nil {
		tokens = "limits are shared, tokens are not (there is no key)"
	}
	e.ok(what, "the server answers in %s; %s", health.Distance.Round(10*time.Microsecond), tokens)
}

// listen looks whether its address is free. One that isn't may well be that of the gateway that runs.
func (e *examination) listen() {
	const what = "listen"
	l := &e.c.Listen
	where := l.text
	switch {
	case l.Loopback():
		where += ", this machine only"
	case !e.c.secure() && e.c.InsecureBecause != "":
		where += fmt.Sprintf(", in clear because %q", e.c.InsecureBecause)
	}
	if l.Unix() {
		e.ok(what, "%s", where)
		return
	}
	open, err := l.Listen(context.Background())
	switch {
	case err == nil:
		_ = open.Close()
		e.ok(what, "%s", where)
	case errors.Is(err, syscall.EADDRINUSE):
		e.add(what, doctor.Warning, "", "%s: somebody listens there, perhaps the gateway that runs", where)
	default:
		e.add(what, doctor.Problem, "", "%s: %v", where, err)
	}
	if m := &e.c.Metrics.Listen; m.text != "" && !m.Loopback() {
		e.add("metrics", doctor.Warning, "", "%s: whoever reaches that learns the names of callers and accounts, and what is called", m.text)
	}
}

func (e *examination) certificate() {
	const what = "tls"
	t := &e.c.TLS
	if t.Certificate == "" {
		if t.Authority != "" {
			e.ok(what, "by the authority in %s", t.Authority)
		}
		return
	}
	c, err := openCertificate(t, quietly(), func() time.Time { return e.now })
	if err != nil {
		e.add(what, doctor.Problem, "", "%v", err)
		return
	}
	leaf := c.served.Leaf
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	until := leaf.NotAfter.UTC().Format(time.DateOnly)
	if leaf.NotAfter.Sub(e.now) < soon {
		e.add(what, doctor.Warning, "renew it: the gateway reads the files again when they change", "the certificate for %s ends on %s", strings.Join(names, ", "), until)
		return
	}
	e.ok(what, "a certificate for %s until %s", strings.Join(names, ", "), until)
}
