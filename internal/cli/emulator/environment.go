package emulator

import (
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

type variable struct{ name, value string }

// environment is what leads a process to the emulator, whatever client of SP-API is in it.
type environment struct {
	set   []variable
	unset []string // what would lead it elsewhere, or belongs to somebody's real shop
}

// values are what variables can be set to.
type values struct {
	ready
	kit
	country string // of the marketplace
	aws     string // the region that requests are signed for
	address string // host:port
	old     func(name string) string
	noProxy string
}

// variables are all that is set, with who reads them. An empty value leaves a variable out.
var variables = []struct {
	names []string
	value func(v *values) string
}{
	// This project's SDK and command. The names of two kinds go together: where they differ, it refuses both.
	{settings.Endpoint.Variables, func(v *values) string { return v.URL }},
	{settings.TokenURL.Variables, func(v *values) string { return v.LWAURL }},
	{settings.ClientID.Variables, func(v *values) string { return v.ClientID }},
	{settings.ClientSecret.Variables, func(v *values) string { return v.ClientSecret }},
	{settings.RefreshToken.Variables, func(v *values) string { return v.RefreshToken }},
	{settings.Region.Variables, func(v *values) string { return v.Region }},
	{settings.Marketplace.Variables, func(v *values) string { return v.MarketplaceID }},
	{settings.SellerID.Variables, func(v *values) string { return v.SellerID }},
	{settings.ApplicationID.Variables, func(v *values) string { return v.ApplicationID }},
	{settings.RoleARN.Variables, func(v *values) string { return v.RoleARN }},
	{settings.Config.Variables, func(v *values) string { return v.Profiles }},

	// Other clients: python-amazon-sp-api (docs/env_variables.rst), npm's amazon-sp-api (README, "Setting credentials"), peddler (README, "Usage"),
	// jlevers/selling-partner-api (README of version 3).
	{[]string{"SP_API_REFRESH_TOKEN", "LWA_REFRESH_TOKEN"}, func(v *values) string { return v.RefreshToken }},
	{[]string{"LWA_APP_ID", "LWA_CLIENT_ID", "SELLING_PARTNER_APP_CLIENT_ID"}, func(v *values) string { return v.ClientID }},
	{[]string{"SELLING_PARTNER_APP_CLIENT_SECRET"}, func(v *values) string { return v.ClientSecret }},
	{[]string{"SP_API_ROLE_ARN", "AWS_SELLING_PARTNER_ROLE"}, func(v *values) string { return v.RoleARN }},
	{[]string{"SP_API_DEFAULT_MARKETPLACE"}, func(v *values) string { return v.country }},

	// AWS (docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html). Its files are those of somebody's real account.
	{[]string{"AWS_ACCESS_KEY_ID", "AWS_SELLING_PARTNER_ACCESS_KEY_ID", "SP_API_ACCESS_KEY"}, func(v *values) string { return v.AWSAccessKeyID }},
	{[]string{"AWS_SECRET_ACCESS_KEY", "AWS_SELLING_PARTNER_SECRET_ACCESS_KEY", "SP_API_SECRET_KEY"}, func(v *values) string { return v.AWSSecretAccessKey }},
	{[]string{"AWS_REGION", "AWS_DEFAULT_REGION"}, func(v *values) string { return v.aws }},
	{[]string{"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"}, func(*values) string { return os.DevNull }},
	{[]string{"AWS_ENDPOINT_URL_SQS"}, func(v *values) string { return v.SQSURL }},
	{[]string{"AWS_EC2_METADATA_DISABLED"}, func(*values) string { return "true" }},

	// The way, for clients that call Amazon's own hosts.
	{[]string{"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"}, func(v *values) string { return "http://" + v.address }},
	{[]string{"no_proxy", "NO_PROXY"}, func(v *values) string { return v.noProxy }},
	{[]string{"PERL_LWP_ENV_PROXY"}, func(*values) string { return "1" }},
	{[]string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT", "PERL_LWP_SSL_CA_FILE"},
		func(v *values) string { return v.CA }},
	{[]string{"NODE_OPTIONS"}, func(v *values) string { return with(v.old("NODE_OPTIONS"), " ", v.nodeOption()) }},
	{[]string{"SPAPI_EMULATOR_ADDRESS"}, func(v *values) string { return v.address }}, // read by the preload
	{[]string{"JAVA_TOOL_OPTIONS"}, func(v *values) string {
		host, port, err := net.SplitHostPort(v.address)
		if err != nil {
			return ""
		}
		options := v.javaOptions(host, port)
		if v.noProxy != noProxy(nil, host) { // else Java's own list does, which has this machine, or the user's
			options += " -Dhttp.nonProxyHosts=" + nonProxyHosts(v.noProxy)
		}
		return with(v.old("JAVA_TOOL_OPTIONS"), " ", options) // the last of two counts
	}},
	{[]string{"PYTHONPATH"}, func(v *values) string { // the first sitecustomize is the one that is loaded; it loads the next
		old, separator := v.old("PYTHONPATH"), string(os.PathListSeparator)
		if old == "" || old == v.Python { // no empty entry: it would be the folder that the program is run in
			return v.Python
		}
		return v.Python + separator + strings.TrimPrefix(old, v.Python+separator)
	}},
	{[]string{"RUBYLIB"}, func(v *values) string { return with(v.old("RUBYLIB"), string(os.PathListSeparator), v.Ruby) }},
	{[]string{"RUBYOPT"}, func(v *values) string { return with(v.old("RUBYOPT"), " ", "-rspapi_emulator") }},
	// An empty entry stands for the folder that PHP was built with (www.php.net/manual/configuration.file.php).
	{[]string{"PHP_INI_SCAN_DIR"}, func(v *values) string {
		old := v.old("PHP_INI_SCAN_DIR")
		if old == "" {
			return string(os.PathListSeparator) + v.PHP
		}
		return with(old, string(os.PathListSeparator), v.PHP)
	}},

	{[]string{"SPAPI_EMULATOR_PID"}, func(v *values) string { return strconv.Itoa(v.PID) }}, // the last: who waits for it has all
}

// foreign are the beginnings of variables that hold somebody's real credentials, or lead to them; what isn't set anew is unset. Of
// this project's own, only those that it reads: others of that beginning are other people's.
var foreign = []string{"AWS_", "LWA_", "SP_API_", "SELLING_PARTNER_"}

// choice is a variable of such a beginning that chooses between production and sandbox, and nothing else (sp_api/base/marketplaces.py of python-amazon-sp-api).
const choice = "AWS_ENV"

func isForeign(name string) bool {
	own := slices.ContainsFunc([]*settings.Setting{settings.Profile, settings.Account, settings.Accounts, settings.KeyFile, settings.Passphrase,
		settings.Sandbox, settings.Fleet, settings.FleetKey, settings.FleetProcesses}, func(s *settings.Setting) bool {
		return slices.Contains(s.Variables, name)
	})
	begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	return own || strings.EqualFold(name, "ALL_PROXY") || name != choice && slices.ContainsFunc(foreign, begins)
}

// newEnvironment makes the environment of a process that would have inherited another. hosts are those that the emulator answers for.
func newEnvironment(line ready, k kit, address string, hosts, inherited []string) environment {
	old := map[string]string{}
	for _, entry := range inherited {
		name, value, _ := strings.Cut(entry, "=")
		old[name] = value
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	v := &values{ready: line, kit: k, aws: marketplace.Region(line.Region).AWSRegion(), address: address, old: func(name string) string { return old[name] },
		noProxy: noProxy(hosts, host, old["no_proxy"], old["NO_PROXY"])}
	if m, ok := marketplace.ByID(line.MarketplaceID); ok {
		v.country = m.CountryCode
	}
	var e environment
	isSet := map[string]bool{}
	for _, entry := range variables {
		value := entry.value(v)
		if value == "" {
			continue
		}
		for _, name := range entry.names {
			e.set = append(e.set, variable{name, value})
			isSet[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if isForeign(name) && !isSet[name] {
			e.unset = append(e.unset, name)
		}
	}
	return e
}

// apply returns the inherited environment with this one in it, as [os/exec.Cmd] takes it.
func (e environment) apply(inherited []string) []string {
	gone := map[string]bool{}
	for _, name := range e.unset {
		gone[name] = true
	}
	for _, v := range e.set {
		gone[v.name] = true
	}
	all := slices.DeleteFunc(slices.Clone(inherited), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return gone[name]
	})
	for _, v := range e.set {
		all = append(all, v.name+"="+v.value)
	}
	return all
}

// with puts a part at the end of a list.
func with(list, separator, part string) string {
	switch {
	case list == "":
		return part
	case list == part || strings.HasSuffix(list, separator+part):
		return list
	}
	return list + separator + part
}

// direct are called past every proxy: they are what tests serve themselves.
var direct = []string{"localhost", "127.0.0.1", "127.0.0.0/8", "::1"}

// noProxy is the list of hosts that are called directly: this machine, and what the user has named, unless that would lead past the emulator to Amazon.
func noProxy(hosts []string, own string, old ...string) string {
	list := slices.Clone(direct)
	add := func(entry string) {
		if entry != "" && !slices.Contains(list, entry) {
			list = append(list, entry)
		}
	}
	add(own)
	for entry := range strings.FieldsFuncSeq(strings.Join(old, ","), func(r rune) bool { return r == ',' || r == ' ' }) {
		if !slices.ContainsFunc(hosts, func(host string) bool { return covers(entry, host) }) {
			add(entry)
		}
	}
	return strings.Join(list, ",")
}

// covers reports whether a client may take an entry of NO_PROXY to mean the host. They read it in different ways
// (about.gitlab.com/blog/we-need-to-talk-no-proxy): here each of them counts.
func covers(entry, host string) bool {
	entry, _, _ = strings.Cut(strings.ToLower(entry), ":") // a port
	entry = strings.TrimLeft(entry, "*.")
	return strings.Contains(entry, "*") || strings.HasSuffix(host, entry) // what was an asterisk alone, too
}

// nonProxyHosts is a list as of NO_PROXY in the spelling of Java, whose asterisks stand at the begin or the end
// (docs.oracle.com/en/java/javase/17/docs/api/java.base/java/net/doc-files/net-properties.html). It has no networks but those that end at a dot.
func nonProxyHosts(noProxy string) string {
	var list []string
	for entry := range strings.SplitSeq(noProxy, ",") {
		if network, err := netip.ParsePrefix(entry); err == nil {
			if n := network.Bits() / 8; network.Addr().Is4() && network.Bits()%8 == 0 && n > 0 && n < 4 {
				list = append(list, strings.Join(strings.SplitN(network.Masked().Addr().String(), ".", n+1)[:n], ".")+".*")
			}
			continue
		}
		if ip, err := netip.ParseAddr(entry); err == nil {
			if ip.Is6() {
				entry = "[" + entry + "]"
			}
			list = append(list, entry)
			continue
		}
		entry, _, _ = strings.Cut(entry, ":") // a port
		domain := strings.TrimLeft(entry, "*.")
		if entry == domain {
			list = append(list, domain)
		}
		list = append(list, "*."+domain)
	}
	return strings.Join(list, "|")
}
