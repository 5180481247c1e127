package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/gateway/audit"
	"github.com/openspapi/spapi/internal/cli/listen"
	"github.com/openspapi/spapi/internal/settings"
)

// config is how a gateway is run: what its file says, with flags and environment over it. The tags are the file's names; "help" and "default" are for those
// who write one, and made into "spapi help gateway-config".
type config struct {
	Listen          address  `yaml:"listen" default:"127.0.0.1:8585" help:"host:port, or unix: and the path of a socket; port 0 takes a free one"`
	InsecureBecause string   `yaml:"insecure_because" help:"why it may listen beyond this machine without TLS, such as \"behind nginx with TLS\""`
	TLS             tlsFiles `yaml:"tls"`
	Proxy           bool     `yaml:"proxy" default:"false" help:"be a proxy for Amazon's hosts too, for clients that have them built in; they must trust ca.pem of tls.authority"`
	Hosts           []string `yaml:"hosts" help:"names by which callers reach it, such as [spapi.example.com]; localhost, addresses and Amazon's own need none"`
	URL             string   `yaml:"url" default:"as each request has it" help:"where callers reach it, for addresses of documents, such as https://spapi.example.com"`
	TrustedProxies  []prefix `yaml:"trusted_proxies" help:"networks whose X-Forwarded-For is believed, such as [10.0.0.0/8]"`
	Folder          path     `yaml:"folder" default:"spapi/gateway in the user's folder for settings, or SPAPI_GATEWAY_FOLDER" help:"where keys, blocks, the secret and the audit are"`
	SecretFile      path     `yaml:"secret_file" default:"made in the folder; or SPAPI_GATEWAY_SECRET" help:"what seals the tokens that it hands out: base64 or hex of 32 random bytes or more"`

	Accounts accountStore `yaml:"accounts"`
	State    string       `yaml:"state" choices:"folder,fleet" default:"folder" help:"where keys and blocks are: in its folder, or shared with other gateways through the fleet"`
	Fleet    fleetServer  `yaml:"fleet"`
	Audit    auditing     `yaml:"audit"`
	Rotation rotation     `yaml:"rotation"`
	Limits   limits       `yaml:"limits"`
	Cache    caching      `yaml:"cache"`
	Metrics  metrics      `yaml:"metrics"`
	Log      logging      `yaml:"log"`
	Drain    drain        `yaml:"drain"`

	file    string // "" without one
	emulate bool
}

// tlsFiles are a certificate, or where one comes from.
type tlsFiles struct {
	Certificate path `yaml:"certificate" help:"file of its certificate and those that lead to its authority, PEM; read again when it changes"`
	Key         path `yaml:"key" help:"file of the certificate's key, PEM"`
	Authority   path `yaml:"authority" default:"ca in the folder, for a proxy" help:"folder of an authority of its own (ca.pem), made where there is none, for loopback addresses and Amazon's hosts"`
}

// accountStore is where the accounts are: one of these.
type accountStore struct {
	File           path            `yaml:"file" default:"that of \"spapi auth\"" help:"the sealed file of accounts"`
	KeyFile        path            `yaml:"key_file" default:"SPAPI_KEY_FILE, SPAPI_PASSPHRASE, or the keyring" help:"file of the key that opens it"`
	Environment    bool            `yaml:"environment" default:"true if SPAPI_CLIENT_ID or the like is set" help:"the one account of SPAPI_CLIENT_ID, SPAPI_CLIENT_SECRET, SPAPI_REFRESH_TOKEN and SPAPI_REGION"`
	DynamoDB       *dynamoDB       `yaml:"dynamodb"`
	SecretsManager *secretsManager `yaml:"secrets_manager"`
	Every          duration        `yaml:"every" default:"2s for a file, else 1m" help:"how old what is known of the accounts gets before they are read again"`
}

type dynamoDB struct {
	Table    string `yaml:"table" help:"name of the table"`
	Region   string `yaml:"region" default:"AWS's own settings" help:"of AWS"`
	Endpoint string `yaml:"endpoint" help:"URL in place of AWS's"`
}

type secretsManager struct {
	Prefix   string `yaml:"prefix" default:"spapi/" help:"with which the names of all secrets begin"`
	Region   string `yaml:"region" default:"AWS's own settings" help:"of AWS"`
	Endpoint string `yaml:"endpoint" help:"URL in place of AWS's"`
}

// fleetServer is what several gateways share limits, tokens and, if state says so, keys through.
type fleetServer struct {
	Address     hidden `yaml:"address" help:"of a Redis or Valkey server without a password, such as redis://redis:6379/0"`
	AddressFile path   `yaml:"address_file" default:"SPAPI_FLEET" help:"file of an address that has a password"`
	KeyFile     path   `yaml:"key_file" default:"SPAPI_FLEET_KEY" help:"file of the keys, a line each, with which tokens and state are sealed there; the first seals"`
	Processes   int    `yaml:"processes" default:"8" help:"how many processes share, for as long as the server can't be reached"`
	Name        string `yaml:"name" default:"gateway" help:"of these gateways, which have one state"`
}

// auditing is where it is kept what was done: in one of these.
type auditing struct {
	JSONL    path     `yaml:"jsonl" default:"audit in the folder" help:"folder for files of JSON lines, one a month"`
	SQLite   path     `yaml:"sqlite" help:"file of SQLite"`
	None     bool     `yaml:"none" default:"false" help:"keep no audit"`
	Chain    string   `yaml:"chain" default:"gateway" help:"name of this gateway's part, where several write into one folder"`
	Keep     keep     `yaml:"keep" default:"12 months" help:"for how long; forever"`
	Required string   `yaml:"required" choices:"sensitive,all,none" default:"sensitive" help:"which calls are refused while it can't be kept: writes and buyers' data, all, or none"`
	Sync     duration `yaml:"sync" default:"0s" help:"how long it may be in the memory of the operating system alone"`
}

// keep is a duration, or no end.
type keep time.Duration

// UnmarshalText is part of [encoding.TextUnmarshaler].
func (k *keep) UnmarshalText(text []byte) error {
	if string(text) == "forever" {
		*k = -1
		return nil
	}
	var d duration
	if err := d.UnmarshalText(text); err != nil || d == 0 {
		return errors.New("want a time span such as 90d or 12 months, or forever")
	}
	*k = keep(d)
	return nil
}

// rotation is how new client secrets come.
type rotation struct {
	Queue string `yaml:"queue" help:"URL or ARN of the queue to which Amazon sends new client secrets"`
}

type limits struct {
	MaxWait duration `yaml:"max_wait" default:"10m" help:"how long a call may take, the wait for limits included; callers may ask for less"`
	MaxBody size     `yaml:"max_body" default:"10MiB" help:"how long the body of a request may be"`
}

type caching struct {
	Size size `yaml:"size" default:"64MiB" help:"how much reference data is kept in memory, never buyers'; 0 for none"`
}

// size is a number of bytes.
type size int64

var sizeForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d{1,12}) ?(B|KiB|MiB|GiB)?$`) })

// UnmarshalText is part of [encoding.TextUnmarshaler].
func (s *size) UnmarshalText(text []byte) error {
	m := sizeForm().FindSubmatch(text)
	if m == nil {
		return errors.New("want a number of bytes such as 10MiB")
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	unit := map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[string(m[2])]
	if err != nil || n > 1<<40/unit {
		return errors.New("want a number of bytes such as 10MiB, 1024GiB at most")
	}
	*s = size(n * unit)
	return nil
}

type metrics struct {
	Listen address `yaml:"listen" default:"listen, if that is a loopback address" help:"where /metrics, /healthz and /readyz are answered too, in clear and to anybody"`
}

type logging struct {
	Format string `yaml:"format" choices:"text,json" default:"text on a terminal, else json" help:"of the lines on stderr"`
	Level  string `yaml:"level" choices:"debug,info,warn,error" default:"info" help:"of the least that is told"`
	Calls  bool   `yaml:"calls" default:"false" help:"tell of each call, not of those only that were refused or failed"`
}

type drain struct {
	Delay   duration `yaml:"delay" default:"0s" help:"after SIGTERM, in which it isn't ready any more and serves on, for load balancers"`
	Timeout duration `yaml:"timeout" default:"25s" help:"for requests under way after that"`
}

// address is where to listen.
type address struct {
	text string
	listen.Place
}

// UnmarshalText is part of [encoding.TextUnmarshaler]. The path of a socket is settled by [config.load], which knows what it is relative to.
func (a *address) UnmarshalText(text []byte) (err error) {
	a.text = string(text)
	a.Place, err = listen.Parse(a.text, "/")
	return err
}

func mustAddress(text string) address {
	var a address
	if err := a.UnmarshalText([]byte(text)); err != nil {
		panic("gateway: " + err.Error()) // a mistake in the program
	}
	return a
}

// prefix is a network, or one address.
type prefix struct{ netip.Prefix }

// UnmarshalText is part of [encoding.TextUnmarshaler].
func (p *prefix) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil && a.Zone() == "" {
		p.Prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		return nil
	}
	n, err := netip.ParsePrefix(string(text))
	if err != nil {
		return errors.New("want a network such as 10.0.0.0/8, or an address")
	}
	if n != n.Masked() {
		return fmt.Errorf("has bits beyond its length: want %s", n.Masked())
	}
	p.Prefix = n
	return nil
}

// duration is a time span in the file: Go's form, days and weeks, and months of 31 days.
type duration time.Duration

var durationForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{1,9}) ?(d|days?|w|weeks?|months?|years?)$`)
})

// UnmarshalText is part of [encoding.TextUnmarshaler].
func (d *duration) UnmarshalText(text []byte) error {
	if m := durationForm().FindSubmatch(text); m != nil {
		const day = 24 * time.Hour
		unit := map[byte]time.Duration{'d': day, 'w': 7 * day, 'm': 31 * day, 'y': 366 * day}[m[2][0]]
		n, err := strconv.Atoi(string(m[1]))
		if err == nil && time.Duration(n) <= 100*366*day/unit {
			*d = duration(time.Duration(n) * unit)
			return nil
		}
	} else if span, err := time.ParseDuration(string(text)); err == nil && span >= 0 {
		*d = duration(span)
		return nil
	}
	return errors.New("want a time span such as 30s, 5m, 90d or 12 months")
}

// defaults are what holds without a file.
func defaults() *config {
	c := &config{Listen: mustAddress("127.0.0.1:8585"), State: "folder"}
	c.Fleet.Name, c.Log.Level, c.Drain.Timeout = "gateway", "info", duration(25*time.Second)
	c.Cache.Size = gateway.DefaultCacheBytes
	c.Audit.Chain, c.Audit.Keep, c.Audit.Required = "gateway", keep(366*24*time.Hour), "sensitive"
	return c
}

// overrides are what flags say over the file.
type overrides struct {
	config          string
	folder          string
	listen          string
	insecureBecause string
	tls             bool
	proxy           bool
	emulate         bool
}

// load reads the file that is named, or that of the default place if there is one, lays flags and environment over it, and checks all of it. What is wrong is
// a *[fileError].
func load(o overrides) (*config, error) {
	c, f := defaults(), &reader{}
	file, text, err := readConfig(o)
	if err != nil {
		return nil, err
	}
	if file != "" {
		f.dir = filepath.Dir(file)
		if err := f.read(text, c); err != nil {
			return nil, &fileError{file, []problem{{Want: err.Error()}}}
		}
		c.file = file
	}
	c.settle(f, o)
	c.check(f)
	if len(f.problems) > 0 {
		slices.SortStableFunc(f.problems, func(a, b problem) int { return a.Line - b.Line })
		return nil, &fileError{cmp.Or(file, "configuration"), f.problems}
	}
	return c, nil
}

// readConfig finds the file and reads it. "" is none.
func readConfig(o overrides) (file string, text []byte, err error) {
	file = o.config
	asked := file != "" || settings.GatewayConfig.Getenv() != ""
	if file == "" {
		if o.emulate && !asked {
			return "", nil, nil // the real shop's file is nothing for it
		}
		if file, err = settings.GatewayFile(); err != nil {
			return "", nil, nil //nolint:nilerr // there is no folder for settings, and so nothing in it
		}
	}
	if file, err = filepath.Abs(file); err != nil {
		return "", nil, err
	}
	text, err = os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !asked:
		return "", nil, nil
	case err != nil:
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return "", nil, &fileError{file, []problem{{Want: "can't be read: " + err.Error()}}}
	}
	return file, text, nil
}

// settle lays flags and environment over what the file says, and finds the default folder.
func (c *config) settle(f *reader, o overrides) {
	c.emulate = o.emulate
	if o.listen != "" {
		if err := c.Listen.UnmarshalText([]byte(o.listen)); err != nil {
			f.problems = append(f.problems, problem{Field: "--listen", Value: shown(o.listen), Want: err.Error()})
		} else if p, err := listen.Parse(o.listen, ""); err == nil {
			c.Listen.Place = p
		}
		f.forget("listen")
	} else {
		f.relative(&c.Listen)
	}
	f.relative(&c.Metrics.Listen)
	c.InsecureBecause = cmp.Or(o.insecureBecause, c.InsecureBecause)
	c.Proxy = c.Proxy || o.proxy
	defer func() {
		if a := &c.Audit; a.JSONL == "" && a.SQLite == "" && !a.None {
			if a.None = c.Folder == ""; !a.None {
				a.JSONL = path(filepath.Join(string(c.Folder), "audit"))
			}
		}
		if t := &c.TLS; t.Authority == "" && (c.Proxy || o.tls && t.Certificate == "") && c.Folder != "" {
			t.Authority = path(filepath.Join(string(c.Folder), "ca"))
		}
	}()
	switch {
	case o.folder != "":
		c.Folder = path(o.folder)
	case c.Folder != "", o.emulate: // an emulator's keys need not outlive it
	default:
		dir, err := settings.GatewayDir()
		if err != nil {
			f.problems = append(f.problems, problem{Field: "folder", Want: "is not known, and there is none for the user's settings: name one here, with --folder, or in " +
				settings.GatewayFolder.Variable()})
			return
		}
		c.Folder = path(dir)
	}
	if c.Folder != "" {
		if dir, err := filepath.Abs(string(c.Folder)); err == nil {
			c.Folder = path(dir)
		}
	}
}

// relative makes the path of a socket in the file relative to the file.
func (f *reader) relative(a *address) {
	if a.Unix() {
		if p, err := listen.Parse(a.text, f.dir); err == nil {
			a.Place = p
		}
	}
}

// forget drops what was wrong with a field whose value doesn't count.
func (f *reader) forget(field string) {
	kept := f.problems[:0]
	for _, p := range f.problems {
		if p.Field != field {
			kept = append(kept, p)
		}
	}
	f.problems = kept
}

// has reports whether the file has a field.
func (f *reader) has(field string) bool { return f.lines[field] > 0 }

// check finds what no single value shows.
func (c *config) check(f *reader) {
	t := c.TLS
	switch {
	case (t.Certificate == "") != (t.Key == ""):
		f.wrong("tls", "", "certificate and key go together: want both, or neither")
	case t.Certificate != "" && t.Authority != "" && !c.Proxy:
		f.wrong("tls.authority", string(t.Authority), "beside a certificate it is for proxy: true only: leave one of the two out")
	}
	if (f.has("insecure_because") || c.InsecureBecause != "") && len(strings.Fields(c.InsecureBecause)) < 2 {
		f.wrong("insecure_because", c.InsecureBecause, "want the reason, in a few words, such as \"behind nginx with TLS\"")
	}
	if c.Proxy && c.Listen.Unix() {
		f.wrong("proxy", "true", "needs an address in listen: no client's proxy is a socket")
	}
	if c.Listen.Address != "" && !c.Listen.Loopback() && !c.secure() && c.InsecureBecause == "" && !c.emulate {
		f.wrong("listen", c.Listen.text, "is reached from beyond this machine, and keys and data would cross the network in clear: "+
			"want tls.certificate and tls.key, a loopback address, or insecure_because with the reason why that is no harm")
	}
	for i, h := range c.Hosts {
		if field := fmt.Sprintf("hosts[%d]", i); strings.ContainsAny(h, ":/ @") {
			f.wrong(field, h, "want a name alone, without scheme and port")
		}
	}
	checkURL(f, "url", c.URL, "https://spapi.example.com")
	c.checkAccounts(f)
	c.checkFleet(f)
	c.checkAudit(f)
	if c.Rotation.Queue != "" && c.Accounts.Environment {
		f.wrong("rotation.queue", c.Rotation.Queue, "needs a store that can be written to: accounts.environment can't")
	}
	if c.Metrics.Listen.text != "" && c.Metrics.Listen.text == c.Listen.text && !strings.HasSuffix(c.Listen.text, ":0") {
		f.wrong("metrics.listen", c.Metrics.Listen.text, "is that of listen: leave it out, or name another")
	}
	if limit := duration(time.Hour); c.Drain.Delay > limit || c.Drain.Timeout > limit {
		f.wrong("drain", "", "has more than an hour in it: want less")
	}
}

// secure reports whether it speaks TLS.
func (c *config) secure() bool { return c.TLS.Certificate != "" || c.TLS.Authority != "" }

func (c *config) checkAccounts(f *reader) {
	var given []string
	for _, name := range []string{"file", "environment", "dynamodb", "secrets_manager"} {
		if f.has("accounts." + name) {
			given = append(given, name)
		}
	}
	a := &c.Accounts
	switch {
	case len(given) > 1:
		f.wrong("accounts", "", "has %s: want one of them", strings.Join(given, " and "))
	case f.has("accounts.environment") && !a.Environment:
		f.wrong("accounts.environment", "false", "says nothing: leave it out")
	case a.KeyFile != "" && len(given) == 1 && a.File == "":
		f.wrong("accounts.key_file", string(a.KeyFile), "is for a file: accounts.%s needs none", given[0])
	case a.DynamoDB != nil && a.DynamoDB.Table == "":
		f.wrong("accounts.dynamodb", "", "has no table: want its name")
	}
	if c.emulate && len(given)+len(a.KeyFile) > 0 {
		f.wrong("accounts", "", "and --emulator exclude each other: the emulator has an account of its own")
	}
	if a.DynamoDB != nil {
		checkURL(f, "accounts.dynamodb.endpoint", a.DynamoDB.Endpoint, "https://dynamodb.eu-west-1.amazonaws.com")
	}
	if a.SecretsManager != nil {
		checkURL(f, "accounts.secrets_manager.endpoint", a.SecretsManager.Endpoint, "https://secretsmanager.eu-west-1.amazonaws.com")
	}
}

// checkURL refuses what is no URL; it may hold a password, and isn't shown.
func checkURL(f *reader, field, text, example string) {
	if text == "" {
		return
	}
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		f.wrong(field, "", "want a URL such as %s", example)
	}
}

func (c *config) checkAudit(f *reader) {
	a := &c.Audit
	var given []string
	for _, name := range []string{"jsonl", "sqlite", "none"} {
		if f.has("audit." + name) {
			given = append(given, name)
		}
	}
	switch {
	case len(given) > 1:
		f.wrong("audit", "", "has %s: want one of them", strings.Join(given, " and "))
	case f.has("audit.none") && !a.None:
		f.wrong("audit.none", "false", "says nothing: leave it out")
	case f.has("audit.required") && a.None && a.Required != "none":
		f.wrong("audit.required", a.Required, "needs an audit, and there is none")
	}
	if _, err := (audit.Options{Chain: a.Chain}).Name(); err != nil {
		f.wrong("audit.chain", a.Chain, "want lower-case letters, digits and dashes")
	}
}

func (c *config) checkFleet(f *reader) {
	s := &c.Fleet
	address := string(s.Address)
	switch {
	case address != "" && s.AddressFile != "":
		f.wrong("fleet", "", "has address and address_file: want one of them")
	case !f.has("fleet.address"):
	case settings.CheckFleet(address) != nil:
		f.wrong("fleet.address", "", "want redis://host:6379/0")
	case strings.Contains(address, "@"):
		f.wrong("fleet.address", "", "has a password or a user: put it into a file and name that in fleet.address_file, or set %s", settings.Fleet.Variable())
	}
	if f.has("fleet.processes") && (s.Processes < 1 || s.Processes > 100_000) {
		f.wrong("fleet.processes", strconv.Itoa(s.Processes), "want a number from 1 to 100000")
	}
	if c.State == "fleet" && address == "" && s.AddressFile == "" && settings.Fleet.Getenv() == "" {
		f.wrong("state", "fleet", "needs fleet.address, fleet.address_file or %s", settings.Fleet.Variable())
	}
}

// level is the least that is told.
func (l *logging) level() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cmp.Or(l.Level, "info"))) // the reader knows no others
	return level
}

// secretBytes is how much a secret has at least.
const secretBytes = 32

var _ = context.Background
