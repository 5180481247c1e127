// Package redisaddress reads the addresses of Redis and Valkey servers, for the adapters of package fleet: one grammar for all of them.
//
//	redis://user:password@host:6379/0                      one server
//	rediss://…                                             over TLS
//	unix://user:password@/path/to/redis.sock?db=0          over a Unix socket
//	redis+cluster://h1:7001,h2:7002, rediss+cluster://…    a cluster, some of its nodes
//	redis+sentinel://h1:26379,h2/mymaster/0, rediss+sentinel://…   sentinels, and the name that they have for the primary
//
// valkey may stand for redis. User, password, number of the database and ports (6379, of sentinels 26379) may be left out; a password alone is ":password@".
// What is none of the characters of a URL, in user and password, is percent-encoded. In the query:
//
//	ca=/path          certificates of authorities, PEM, in place of the system's
//	cert=, key=       certificate and private key of this client, PEM
//	sentinel_user=, sentinel_password=   for the sentinels themselves
//
// Anything else there is an error: pools, timeouts and repeats are not the user's to set.
package redisaddress

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi"
)

// Kind is what stands at an address.
type Kind int

// The kinds.
const (
	Single Kind = iota
	Cluster
	Sentinel
)

// Address is what an address says.
type Address struct {
	Kind     Kind
	Network  string   // "tcp" or "unix"
	Hosts    []string // "host:port" each, or the path of the socket; of sentinels where it is one of them
	User     string
	Password spapi.Secret
	DB       int
	Primary  string      // the sentinels' name for it
	TLS      *tls.Config // without ServerName; nil: none

	SentinelUser     string
	SentinelPassword spapi.Secret
}

// form is what one scheme stands for.
type form struct {
	kind Kind
	tls  bool
	unix bool
}

var forms = map[string]form{
	"redis": {}, "rediss": {tls: true}, "valkey": {}, "valkeys": {tls: true}, "unix": {unix: true},
	"redis+cluster": {kind: Cluster}, "rediss+cluster": {kind: Cluster, tls: true},
	"valkey+cluster": {kind: Cluster}, "valkeys+cluster": {kind: Cluster, tls: true},
	"redis+sentinel": {kind: Sentinel}, "rediss+sentinel": {kind: Sentinel, tls: true},
	"valkey+sentinel": {kind: Sentinel}, "valkeys+sentinel": {kind: Sentinel, tls: true},
}

// Schemes are those of all kinds, or of these alone, sorted.
func Schemes(kinds ...Kind) []string {
	var names []string
	for name, f := range forms {
		if len(kinds) == 0 || slices.Contains(kinds, f.kind) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// wantSingle has no "user:password@" in it: that would be taken for a password, and be hidden.
const wantSingle = "want redis://host:6379/0, with user:password and an @ before the host where it has them"

// Parse reads an address. Its errors show no part of it that may be a secret: neither user, password nor query.
func Parse(text string) (*Address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	f, known := forms[strings.ToLower(scheme)]
	switch {
	case !ok:
		return nil, errors.New("it has no scheme: " + wantSingle)
	case !known && strings.ContainsAny(scheme, ":@"): // a password before a "://" of its own
		return nil, errors.New("its scheme is unknown: want one of " + strings.Join(Schemes(), ", "))
	case !known:
		return nil, fmt.Errorf("its scheme %.20q is unknown: want one of %s", scheme, strings.Join(Schemes(), ", "))
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return nil, errors.New("it has spaces or control characters in it: percent-encode those of a password")
	case strings.Contains(rest, "#"):
		return nil, errors.New("it has a # in it: percent-encode that of a password as %23")
	}
	a := &Address{Kind: f.kind, Network: "tcp"}
	rest, query, _ := strings.Cut(rest, "?")
	var userInfo string
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		userInfo, rest = rest[:i], rest[i+1:]
	}
	if strings.ContainsAny(userInfo, "/@") {
		return nil, errors.New("it has a / or @ in user or password: percent-encode them as %2F and %40")
	}
	user, password, err := credentials(userInfo)
	if err != nil {
		return nil, err
	}
	a.User, a.Password = user, spapi.NewSecret(password)
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("its query cannot be read: want parameters such as ca=/path, joined by &; a ? of a password is percent-encoded as %3F")
	}
	if f.unix {
		return a, a.socket(rest, values)
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if err := a.hosts(hosts); err != nil {
		return nil, err
	}
	if err := a.path(path); err != nil {
		return nil, err
	}
	if a.Kind == Sentinel {
		a.SentinelUser, a.SentinelPassword = take(values, "sentinel_user"), spapi.NewSecret(take(values, "sentinel_password"))
	}
	if f.tls {
		if err := a.secure(values); err != nil {
			return nil, err
		}
	}
	var names []string
	if f.tls {
		names = append(names, "ca", "cert", "key")
	}
	if a.Kind == Sentinel {
		names = append(names, "sentinel_user", "sentinel_password")
	}
	return a, left(values, names...)
}

// credentials reads "user:password", ":password" or "user".
func credentials(text string) (user, password string, err error) {
	user, password, _ = strings.Cut(text, ":")
	if user, err = url.PathUnescape(user); err == nil {
		password, err = url.PathUnescape(password)
	}
	switch {
	case err != nil: // which quotes it
		return "", "", errors.New("user or password has a % that encodes nothing: percent-encode it as %25")
	case user != "" && password == "":
		return "", "", errors.New("it has a user and no password: want user:password before the @, or a colon and the password alone")
	}
	return user, password, nil
}

func (a *Address) socket(path string, values url.Values) error {
	if !strings.HasPrefix(path, "/") || path == "/" {
		return errors.New("it names no socket: want unix:///path/to/redis.sock")
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return errors.New("the path of its socket has a % that encodes nothing: percent-encode it as %25")
	}
	a.Network, a.Hosts = "unix", []string{path}
	if text := take(values, "db"); text != "" {
		if a.DB, err = database(text); err != nil {
			return err
		}
	}
	return left(values, "db")
}

func (a *Address) hosts(list string) error {
	standard := "6379"
	if a.Kind == Sentinel {
		standard = "26379"
	}
	if a.Kind == Single && strings.Contains(list, ",") {
		return errors.New("it names several hosts: want one, or redis+cluster:// or redis+sentinel://")
	}
	for text := range strings.SplitSeq(list, ",") {
		host, port := text, standard
		if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
			host, port = text[:i], text[i+1:]
		}
		if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") {
			host = strings.TrimSuffix(inner, "]")
		} else if strings.ContainsAny(host, ":[]") {
			return errors.New("one of its hosts has several colons: want host:port, IPv6 in brackets, and user and password before an @")
		}
		n, err := strconv.ParseUint(port, 10, 16)
		switch {
		case host == "":
			return errors.New("a host is missing: " + wantSingle)
		case err != nil || n == 0: // the text may be a password whose @ was forgotten
			return errors.New("a port is none: want a number from 1 to 65535, and user and password before an @")
		}
		a.Hosts = append(a.Hosts, net.JoinHostPort(host, port))
	}
	return nil
}

// path reads what follows the hosts: of sentinels name and number, of one server the number, of a cluster nothing, for that has one database only.
func (a *Address) path(path string) (err error) {
	number := path
	if a.Kind == Sentinel {
		a.Primary, number, _ = strings.Cut(path, "/")
		if a.Primary, err = url.PathUnescape(a.Primary); err != nil || a.Primary == "" {
			return errors.New("it doesn't name the primary: want redis+sentinel://h1:26379,h2:26379/mymaster")
		}
	}
	if number == "" {
		return nil
	}
	if a.Kind == Cluster {
		if number != "0" {
			return errors.New("it names a database: a cluster has only the first: leave it out")
		}
		return nil
	}
	a.DB, err = database(number)
	return err
}

func database(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, errors.New("its database is no number: want one from 0, such as /0")
	}
	return int(n), nil
}

// take takes a parameter out.
func take(values url.Values, name string) string {
	text := values.Get(name)
	delete(values, name)
	return text
}

func (a *Address) secure(values url.Values) error {
	a.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if path := take(values, "ca"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("its ca cannot be read: want a file of certificates in PEM: %w", err)
		}
		a.TLS.RootCAs = x509.NewCertPool()
		if !a.TLS.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("its ca %q has no certificate in it: want a file of certificates in PEM", path)
		}
	}
	cert, key := take(values, "cert"), take(values, "key")
	if (cert == "") != (key == "") {
		return errors.New("it has only one of cert and key: want both, files in PEM")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("its cert and key cannot be read: want files in PEM: %w", err)
		}
		a.TLS.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// left finds parameters that nobody knows.
func left(values url.Values, known ...string) error {
	if len(values) == 0 {
		return nil
	}
	want := "want none"
	if len(known) > 0 {
		want = "want " + strings.Join(known, ", ")
	}
	names := slices.Sorted(maps.Keys(values))
	if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name+strings.Join(values[name], ""), "@") }) {
		return errors.New("its query has a parameter that nobody knows: " + want + "; a ? of a password is percent-encoded as %3F")
	}
	return fmt.Errorf("its query has %.20q: %s", names[0], want)
}
