package emulator

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/listen"
)

// runtimes are what a language or program needs so that its calls to Amazon's hosts end in the emulator: what lets it trust the emulator's authority, and what
// leads it there. "spapi emulator run" sets all variables among it. In braces stand the files of a [kit] and the emulator's address.
var runtimes = []struct {
	name, title, trust, way, note string
}{
	{"curl", "curl", "CURL_CA_BUNDLE={ca}, or --cacert {ca}", "https_proxy={proxy}, or -x {proxy}",
		"without a proxy: --connect-to ::{address}"},
	{"node", "Node.js", "NODE_EXTRA_CA_CERTS={ca}", "NODE_OPTIONS={nodeOption} SPAPI_EMULATOR_ADDRESS={address}",
		"knows no proxy variable (from version 24 with NODE_USE_ENV_PROXY=1), so the preload leads its connections to Amazon's hosts, whatever library opens them"},
	{"deno", "Deno", "DENO_CERT={ca}", "https_proxy={proxy}", ""},
	{"bun", "Bun", "NODE_EXTRA_CA_CERTS={ca}", "https_proxy={proxy}", ""},
	{"python", "Python", "SSL_CERT_FILE={ca} (ssl, httpx, aiohttp, urllib3), REQUESTS_CA_BUNDLE={ca} (requests)",
		"https_proxy={proxy}, or PYTHONPATH={python} SPAPI_EMULATOR_ADDRESS={address}",
		"requests, httpx and urllib heed the proxy, aiohttp and urllib3, and so Amazon's own SDK, don't: PYTHONPATH has a preload that leads all of them, but not " +
			"a resolver beside Python's own, such as aiodns: give aiohttp's TCPConnector resolver=ThreadedResolver()"},
	{"php", "PHP", "curl.cainfo and openssl.cafile in an ini file: PHP_INI_SCAN_DIR=:{php}", "https_proxy={proxy}",
		"the curl extension and Guzzle heed it; PHP's own streams want a context"},
	{"java", "Java", "-Djavax.net.ssl.trustStore={truststore} -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=" + trustStorePassword,
		"-Dhttps.proxyHost={host} -Dhttps.proxyPort={port} -Dhttp.proxyHost={host} -Dhttp.proxyPort={port}",
		"in JAVA_TOOL_OPTIONS for every JVM; Apache's HttpClient heeds them after useSystemProperties(); a store of your own: " +
			"keytool -importcert -noprompt -alias spapi-emulator -file {ca} -keystore truststore.p12 -storetype PKCS12 -storepass " + trustStorePassword},
	{"dotnet", ".NET", "on Linux SSL_CERT_FILE={ca}; elsewhere the system's store, see the end", "HTTPS_PROXY={proxy}", ""},
	{"go", "Go", "SSL_CERT_FILE={ca}, but not on macOS and Windows: there the system's store, see the end, or RootCAs in code", "HTTPS_PROXY={proxy}",
		"http.DefaultTransport heeds it, a transport of your own with Proxy: http.ProxyFromEnvironment"},
	{"ruby", "Ruby", "SSL_CERT_FILE={ca}", "http_proxy={proxy}, or RUBYLIB={ruby} RUBYOPT=-rspapi_emulator SPAPI_EMULATOR_ADDRESS={address}",
		"net/http heeds the proxy, for https too; http.rb doesn't: RUBYOPT has a preload that leads both"},
	{"perl", "Perl", "PERL_LWP_SSL_CA_FILE={ca} (LWP), SSL_CERT_FILE={ca} (HTTP::Tiny)", "https_proxy={proxy} PERL_LWP_ENV_PROXY=1", ""},
	{"rust", "Rust", "SSL_CERT_FILE={ca}, unless the roots are compiled in (webpki-roots)", "HTTPS_PROXY={proxy}", "reqwest heeds it"},
	{"aws", "AWS's CLI and SDKs", "AWS_CA_BUNDLE={ca}", "HTTPS_PROXY={proxy}", "the SDK for JavaScript as any program of Node.js"},
}

// stores are the ways into a system's store of authorities, for what reads no variable.
const stores = `  macOS     security add-trusted-cert -k ~/Library/Keychains/login.keychain-db {ca}
  Windows   Import-Certificate -FilePath {ca} -CertStoreLocation Cert:\CurrentUser\Root
  Debian    sudo cp {ca} /usr/local/share/ca-certificates/spapi-emulator.crt && sudo update-ca-certificates
`

// filling replaces what stands in braces, quoted as a shell wants it.
func filling(k kit, address string) *strings.Replacer {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, ""
	}
	return strings.NewReplacer("{ca}", quoted(k.CA), "{truststore}", quoted(k.TrustStore), "{nodeOption}", quoted(k.nodeOption()),
		"{python}", quoted(k.Python), "{ruby}", quoted(k.Ruby), "{php}", quoted(k.PHP),
		"{proxy}", "http://"+address, "{address}", address, "{host}", host, "{port}", port)
}

// exampleAddress is where an emulator listens in texts.
const exampleAddress = "127.0.0.1:8080"

// nameless is the kit of texts that hold for every machine.
var nameless = kit{CA: "ca.pem", TrustStore: "truststore.p12", Node: "node.cjs", Python: "python", Ruby: "ruby", PHP: "php", Profiles: "profiles.json"}

// describeRuntimes writes what runtimes need, all of them or those of these names.
func describeRuntimes(w io.Writer, k kit, address string, names ...string) {
	fill := filling(k, address)
	for _, r := range runtimes {
		if len(names) > 0 && !containsFold(names, r.name) {
			continue
		}
		fmt.Fprintf(w, "%s (%s)\n", r.title, r.name)
		for _, part := range [][2]string{{"trust", r.trust}, {"way", r.way}, {"note", r.note}} {
			if part[1] != "" {
				fmt.Fprintf(w, "  %-7s %s\n", part[0], fill.Replace(part[1]))
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "The system's own store, for what reads no variable:\n\n", fill.Replace(stores))
}

// addCADir adds --ca-dir.
func addCADir(flags *pflag.FlagSet, dir *string) {
	flags.StringVar(dir, "ca-dir", "", "`folder` of the certificate authority, which is made where it is missing (default: in the user's cache folder)")
}

func containsFold(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

func runtimeNames() []string {
	names := make([]string, len(runtimes))
	for i, r := range runtimes {
		names[i] = r.name
	}
	return names
}

// NewCmdHelp returns the help topic "emulator-clients".
func NewCmdHelp() *cobra.Command {
	var b strings.Builder
	b.WriteString(`Every client of SP-API, in whatever language, can be led to the emulator. There are four ways; the first does all that the others need.

  spapi emulator run -- npm test
      runs a command in an environment that leads there whatever client it has, by proxy and, for Node.js, Python and Ruby, by preloads.

  its own address
      a client whose endpoints can be set gets url, lwa_url and sts_url of the emulator's first line, plain http on this machine.

  proxy
      the emulator's port is a proxy for Amazon's hosts, of http and https (CONNECT). For others it refuses to be one.

  hosts file
      "spapi emulator hosts" prints lines for /etc/hosts; "spapi emulator --tls --listen 127.0.0.1:443" serves Amazon's hosts there.

By proxy and hosts file the client asks for https://sellingpartnerapi-na.amazon.com and the like, and gets a certificate that an authority of this
machine's own has signed: it must trust that one. "spapi emulator ca" prints where its certificate is, and makes it where there is none. Its key stays in
that folder: keep it to yourself if you add it to the system's store. "spapi emulator clients" prints what follows with the files' full
paths, and makes them; here the emulator listens on ` + exampleAddress + `.

`)
	describeRuntimes(&b, nameless, exampleAddress)
	return &cobra.Command{Use: "emulator-clients", Short: "How clients in any language are led to the emulator", Long: strings.TrimRight(b.String(), "\n")}
}

// newCmdCA returns "spapi emulator ca".
func newCmdCA(f *factory.Factory) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Print where the certificate of the emulator's authority is",
		Long: "Prints the file with the certificate of the authority that signs the emulator's certificates, and makes the authority where there is none. It is\n" +
			"the ca_file of the emulator's first line.\n\n" +
			"  curl --cacert \"$(spapi emulator ca)\" -x http://127.0.0.1:8080 https://sellingpartnerapi-na.amazon.com/",
		Example: "  spapi emulator ca",
		Args:    exit.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := f.Flags.Output.Refuse("the name of a file"); err != nil {
				return err
			}
			_, ca, err := authority(dir)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(f.Streams.Out, ca)
			return err
		},
	}
	addCADir(cmd.Flags(), &dir)
	return cmd
}

// newCmdHosts returns "spapi emulator hosts".
func newCmdHosts(f *factory.Factory) *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "Print lines for /etc/hosts that lead Amazon's hosts to an emulator",
		Long: "Prints Amazon's hosts that the emulator answers for, as lines for a hosts file. Clients call them at port 443, so the emulator must listen there:\n" +
			"spapi emulator --tls --listen 127.0.0.1:443. Take the lines out again when you want to reach Amazon.",
		Example: "  spapi emulator hosts\n" +
			"  spapi emulator hosts --address 172.17.0.1",
		Args: exit.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := f.Flags.Output.Refuse("lines for a hosts file"); err != nil {
				return err
			}
			if net.ParseIP(address) == nil {
				return exit.Usagef("--address %q: want an IP address such as 127.0.0.1", address)
			}
			emu, err := emulator.New(emulator.WithOrders(0))
			if err != nil {
				return err
			}
			var b strings.Builder
			b.WriteString("# begin of spapi emulator\n")
			for _, host := range emu.Hosts() {
				fmt.Fprintf(&b, "%s %s\n", address, host)
			}
			b.WriteString("# end of spapi emulator\n")
			_, err = io.WriteString(f.Streams.Out, b.String())
			return err
		},
	}
	cmd.Flags().StringVar(&address, "address", "127.0.0.1", "IP `address` of the emulator")
	return cmd
}

// newCmdClients returns "spapi emulator clients".
func newCmdClients(f *factory.Factory) *cobra.Command {
	var dir, address string
	cmd := &cobra.Command{
		Use:   "clients [runtime…]",
		Short: "Print what a runtime needs to be led to the emulator",
		Long: "Prints, with the files of this machine, what a language or program needs so that its calls to Amazon's hosts end in the emulator: what lets it\n" +
			"trust the emulator's authority, and what leads it there. The files are made where they are missing. \"spapi emulator run\" sets all the\n" +
			"variables among it. Runtimes: " + strings.Join(runtimeNames(), ", ") + ".",
		Example: "  spapi emulator clients node java\n" +
			"  spapi emulator clients --listen 127.0.0.1:9000 php",
		ValidArgs: runtimeNames(),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := f.Flags.Output.Refuse("what runtimes need"); err != nil {
				return err
			}
			for _, name := range args {
				if !containsFold(runtimeNames(), name) {
					return exit.Usagef("unknown runtime %q: want %s", name, strings.Join(runtimeNames(), ", "))
				}
			}
			at, err := listen.Parse(address, "")
			if err != nil {
				return exit.Usagef("--listen %q: %w", address, err)
			}
			if at.Unix() {
				return exit.Usagef("--listen %q: no client's proxy is a socket: want host:port", address)
			}
			emu, ca, err := authority(dir)
			if err != nil {
				return err
			}
			k := newKit(ca)
			if err := k.write(emu.Hosts()); err != nil {
				return caError(dir, err)
			}
			var b strings.Builder
			describeRuntimes(&b, k, address, args...)
			_, err = io.WriteString(f.Streams.Out, b.String())
			return err
		},
	}
	addCADir(cmd.Flags(), &dir)
	cmd.Flags().StringVar(&address, "listen", exampleAddress, "`address` on which the emulator listens")
	return cmd
}

// authority is an emulator with its certificate authority.
func authority(dir string) (emu *emulator.Emulator, ca string, err error) {
	emu, err = emulator.New(emulator.WithOrders(0), emulator.WithCADir(dir))
	if err != nil {
		return nil, "", err
	}
	if ca, err = emu.CA(); err != nil {
		return nil, "", caError(dir, err)
	}
	return emu, ca, nil
}
