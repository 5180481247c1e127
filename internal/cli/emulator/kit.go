package emulator

import (
	"bytes"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// kit are the files that lead runtimes to the emulator. All are in the folder of its certificate authority, where they stay: a shell that has
// them in its environment goes on to work when the emulator has ended.
type kit struct {
	CA         string // the authority's certificate, PEM
	TrustStore string // the same for Java: PKCS #12, with trustStorePassword
	Node       string // a preload
	Python     string // folder with a preload, for PYTHONPATH
	Ruby       string // folder with a preload, for RUBYLIB
	PHP        string // folder with an ini file
	Profiles   string // profiles of this project's SDK, of which the one that needs no name says nothing: what the user's own says is of a real shop
}

// trustStorePassword protects nothing: a certificate is public. It is the one of Java's own store.
const trustStorePassword = "changeit"

var (
	//go:embed preload/node.cjs
	nodePreload []byte
	//go:embed preload/sitecustomize.py
	pythonPreload []byte
	//go:embed preload/spapi_emulator.rb
	rubyPreload []byte
)

// newKit names the files beside the authority's certificate.
func newKit(ca string) kit {
	in := func(name string) string { return filepath.Join(filepath.Dir(ca), name) }
	return kit{CA: ca, TrustStore: in("truststore.p12"), Node: in("node.cjs"), Python: in("python"), Ruby: in("ruby"), PHP: in("php"),
		Profiles: in("profiles.json")}
}

// file is one of a kit's.
type file struct {
	name    string
	content []byte
	mode    fs.FileMode
}

// files are all but the trust store. The hosts stand before what reads them.
func (k kit) files(hosts []string) []file {
	return []file{
		{filepath.Join(filepath.Dir(k.CA), "hosts.txt"), []byte(strings.Join(hosts, "\n") + "\n"), 0o644},
		{k.Node, nodePreload, 0o644},
		{filepath.Join(k.Python, "sitecustomize.py"), pythonPreload, 0o644},
		{filepath.Join(k.Ruby, "spapi_emulator.rb"), rubyPreload, 0o644},
		{filepath.Join(k.PHP, "spapi-emulator.ini"), fmt.Appendf(nil, "; Written by spapi.\ncurl.cainfo = %[1]s\nopenssl.cafile = %[1]s\n", quotedINI(k.CA)), 0o644},
		{k.Profiles, []byte(`{"profiles": {"default": {}}}` + "\n"), 0o600}, // the SDK reads no others
	}
}

// quotedINI is a value in an ini file of PHP's, where a dollar sign begins a variable (www.php.net/manual/function.parse-ini-file.php).
func quotedINI(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(value) + `"`
}

// write writes what isn't there yet, or is of another version.
func (k kit) write(hosts []string) error {
	for _, f := range k.files(hosts) {
		if err := os.MkdirAll(filepath.Dir(f.name), 0o755); err != nil {
			return err
		}
		if err := replace(f.name, f.content, f.mode); err != nil {
			return err
		}
	}
	return k.writeTrustStore()
}

// writeTrustStore leaves a store alone that has the certificate: no two of them have the same bytes. Its algorithms are old ones, for nothing in it is
// secret, and Java 8 and 11 know no others before 8u301 and 11.0.12 (bugs.openjdk.org/browse/JDK-8076190).
func (k kit) writeTrustStore() error {
	text, err := os.ReadFile(k.CA)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("%s is no PEM", k.CA)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("%s: %w", k.CA, err)
	}
	if old, err := os.ReadFile(k.TrustStore); err == nil {
		if certs, err := pkcs12.DecodeTrustStore(old, trustStorePassword); err == nil && len(certs) == 1 && certs[0].Equal(ca) {
			return nil
		}
	}
	store, err := pkcs12.LegacyDES.EncodeTrustStore([]*x509.Certificate{ca}, trustStorePassword)
	if err != nil {
		return err
	}
	return replace(k.TrustStore, store, 0o644)
}

// replace writes a file whole or not at all, since others may read it at the time, and not if it has that content.
func replace(name string, content []byte, mode fs.FileMode) (err error) {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, content) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// nodeOption is the part of NODE_OPTIONS that loads the preload (nodejs.org/api/cli.html#node_optionsoptions: quotes are double ones, escaped by backslashes).
func (k kit) nodeOption() string {
	return `--require "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(k.Node) + `"`
}

// javaOptions are properties for JAVA_TOOL_OPTIONS, which takes quotes of either kind around blanks and around the other kind.
func (k kit) javaOptions(host, port string) string {
	store := k.TrustStore
	if strings.ContainsAny(store, " \t'\"") {
		store = `"` + strings.ReplaceAll(store, `"`, `"'"'"`) + `"`
	}
	return fmt.Sprintf("-Dhttp.proxyHost=%[1]s -Dhttp.proxyPort=%[2]s -Dhttps.proxyHost=%[1]s -Dhttps.proxyPort=%[2]s "+
		"-Djavax.net.ssl.trustStore=%[3]s -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=%[4]s", host, port, store, trustStorePassword)
}
