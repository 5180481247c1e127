package tlsfront

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var testHosts = []string{"api.example.com", "files.example.net"}

func testCA(t testing.TB) *CA {
	t.Helper()
	ca, err := OpenCA(filepath.Join(t.TempDir(), "deep", "ca"), "test authority", testHosts)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func (ca *CA) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	return pool
}

// verify does what clients in Go do, who are sent the signer's certificate.
func (ca *CA) verify(leaf *x509.Certificate, host string) error {
	sent := x509.NewCertPool()
	sent.AddCert(ca.signer)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: ca.pool(), Intermediates: sent, DNSName: host})
	return err
}

// TestCA looks at what lies in the folder and at what it signs for.
func TestCA(t *testing.T) {
	ca := testCA(t)
	dir := filepath.Dir(ca.File())
	if runtime.GOOS != "windows" {
		for name, want := range map[string]os.FileMode{"": 0o700, certificateFile: 0o644, keyFile: 0o600} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
				t.Errorf("%q: %v %v, want %v", name, info.Mode(), err, want)
			}
		}
	}
	if ca.certificate.MaxPathLen != 1 || !ca.signer.MaxPathLenZero || ca.signer.CheckSignatureFrom(ca.certificate) != nil {
		t.Errorf("%+v has signed %+v", ca.certificate, ca.signer)
	}
	if ca.certificate.PublicKey.(*ecdsa.PublicKey).Equal(ca.key.Public()) {
		t.Error("the key of what is trusted has been kept")
	}
	for _, c := range []*x509.Certificate{ca.certificate, ca.signer} {
		if !c.IsCA || c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign ||
			!slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) ||
			!c.PermittedDNSDomainsCritical || c.SignatureAlgorithm != x509.ECDSAWithSHA256 || len(c.SubjectKeyId) != 20 {
			t.Errorf("%+v", c)
		}
	}
	for _, host := range []string{"api.example.com", "files.example.net", "localhost", "127.0.0.1", "::1"} {
		name := host
		if net.ParseIP(host) != nil {
			name = "localhost"
		}
		leaf, err := ca.leaf(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := ca.verify(leaf.Leaf, host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if life := leaf.Leaf.NotAfter.Sub(leaf.Leaf.NotBefore); life > 100*24*time.Hour {
			t.Errorf("%s: good for %v", host, life)
		}
		if l := leaf.Leaf; l.Subject.CommonName != "" || len(l.AuthorityKeyId) != 20 || len(l.SubjectKeyId) != 20 || l.IsCA || !l.BasicConstraintsValid {
			t.Errorf("%s: %+v", host, l)
		}
		if again, _ := ca.leaf(name); again != leaf {
			t.Errorf("%s: made twice", host)
		}
	}
	if _, err := ca.leaf("late.example.org"); err == nil || !strings.Contains(err.Error(), "late.example.org: it was made before that host was known") {
		t.Errorf("a host that came later: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, ".lock")); err != nil {
		t.Fatal(err)
	}
	again, err := OpenCA(dir, "other name", []string{"other.example.com"})
	if _, err := os.Stat(filepath.Join(dir, ".lock")); !os.IsNotExist(err) {
		t.Error("a folder that needs no change was written to")
	}
	if err != nil || !again.certificate.Equal(ca.certificate) {
		t.Errorf("opened again: another one, %v", err)
	}
}

// TestStolenKey signs for a host that the authority isn't for, with its key: neither Go nor OpenSSL takes that.
func TestStolenKey(t *testing.T) {
	ca := testCA(t)
	openssl, _ := exec.LookPath("openssl")
	if openssl == "" {
		t.Log("no openssl here: Go alone is asked")
	}
	sign := func(names []string, ips ...net.IP) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{Organization: []string{"x"}},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names, IPAddresses: ips,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, ca.signer, ca.leafKey.Public(), ca.key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	dir := t.TempDir()
	signer := filepath.Join(dir, "signer.pem")
	if err := writePEM(signer, 0o600, &pem.Block{Type: "CERTIFICATE", Bytes: ca.signer.Raw}); err != nil {
		t.Fatal(err)
	}
	java := javaQuestion{trusted: ca.File(), signer: signer}
	defer java.answer(t)
	for i, test := range []struct {
		leaf *x509.Certificate
		good bool
	}{
		{sign([]string{"api.example.com"}), true}, {sign([]string{"localhost"}, net.IPv4(127, 0, 0, 1), net.IPv6loopback), true},
		{sign([]string{"google.com"}), false}, {sign([]string{"www.example.com"}), false}, {sign([]string{"api.example.com", "google.com"}), false},
		{sign(nil, net.IPv4(8, 8, 8, 8)), false}, {sign(nil, net.ParseIP("2001:db8::1")), false},
	} {
		about := fmt.Sprint(test.leaf.DNSNames, test.leaf.IPAddresses)
		if err := ca.verify(test.leaf, ""); (err == nil) != test.good {
			t.Errorf("Go: %s: %v", about, err)
		}
		file := filepath.Join(dir, fmt.Sprintf("leaf-%d.pem", i))
		if err := writePEM(file, 0o600, &pem.Block{Type: "CERTIFICATE", Bytes: test.leaf.Raw}); err != nil {
			t.Fatal(err)
		}
		java.ask(file, test.good)
		if openssl == "" {
			continue
		}
		out, err := exec.CommandContext(t.Context(), openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca.File(),
			"-untrusted", signer, file).CombinedOutput()
		if (err == nil) != test.good {
			t.Errorf("OpenSSL: %s: %v %s", about, err, out)
		}
	}
}

// javaQuestion is which certificates Java takes from a server.
type javaQuestion struct {
	trusted, signer string
	files           []string
	want            []bool
}

func (q *javaQuestion) ask(file string, want bool) {
	q.files, q.want = append(q.files, file), append(q.want, want)
}

// javaProgram prints for each certificate whether it is trusted: that of the authority and that of the signer come first.
const javaProgram = `
import java.io.*; import java.security.*; import java.security.cert.*; import javax.net.ssl.*;
public class Ask {
	static X509Certificate read(String name) throws Exception {
		return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(name));
	}
	public static void main(String[] names) throws Exception {
		KeyStore store = KeyStore.getInstance("PKCS12");
		store.load(null, null);
		store.setCertificateEntry("ca", read(names[0]));
		TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
		factory.init(store);
		X509TrustManager manager = (X509TrustManager) factory.getTrustManagers()[0];
		for (int i = 2; i < names.length; i++) {
			boolean good = true;
			try {
				manager.checkServerTrusted(new X509Certificate[]{read(names[i]), read(names[1])}, "ECDHE_ECDSA");
			} catch (CertificateException e) {
				good = false;
			}
			System.out.print(good + " ");
		}
	}
}`

func (q *javaQuestion) answer(t *testing.T) {
	java, _ := exec.LookPath("java")
	if java == "" {
		t.Log("no java here")
		return
	}
	program := filepath.Join(t.TempDir(), "Ask.java")
	if err := os.WriteFile(program, []byte(javaProgram), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), java, append([]string{program, q.trusted, q.signer}, q.files...)...).CombinedOutput()
	if err != nil {
		t.Logf("no java here that compiles: %v %s", err, out)
		return
	}
	if got, want := strings.TrimSpace(string(out)), strings.Trim(fmt.Sprint(q.want), "[]"); got != want {
		t.Errorf("Java: %s, want %s", got, want)
	}
}

// TestCAIsMadeOnce has many open a folder that isn't there: files are locked for each handle, as they are for processes.
func TestCAIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var wg sync.WaitGroup
	found := make([]*CA, 16)
	for i := range found {
		wg.Go(func() {
			ca, err := OpenCA(dir, "test authority", testHosts)
			if err != nil {
				t.Error(err)
				return
			}
			found[i] = ca
		})
	}
	wg.Wait()
	for _, ca := range found {
		if ca == nil || !ca.certificate.Equal(found[0].certificate) {
			t.Fatal("not all have the same")
		}
	}
}

// TestCADamaged spoils the folder: what clients may trust is not replaced behind their back.
func TestCADamaged(t *testing.T) {
	other := testCA(t)
	for name, test := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string // "" for a new authority
	}{
		"no certificate":         {func(t *testing.T, dir string) { remove(t, dir, certificateFile) }, ""},
		"nothing":                {func(t *testing.T, dir string) { remove(t, dir, certificateFile); remove(t, dir, keyFile) }, ""},
		"no key":                 {func(t *testing.T, dir string) { remove(t, dir, keyFile) }, "there is ca.pem, but no ca-key.pem"},
		"empty certificate":      {func(t *testing.T, dir string) { write(t, dir, certificateFile, "") }, "ca.pem holds no certificate in PEM"},
		"empty key":              {func(t *testing.T, dir string) { write(t, dir, keyFile, "") }, "ca-key.pem holds no private key in PEM"},
		"certificate is no such": {func(t *testing.T, dir string) { write(t, dir, certificateFile, pemOf("CERTIFICATE", "x")) }, "ca.pem: x509"},
		"key is no such":         {func(t *testing.T, dir string) { write(t, dir, keyFile, pemOf("PRIVATE KEY", "x")) }, "ca-key.pem: "},
		"another's key":          {func(t *testing.T, dir string) { copyFile(t, dir, other, keyFile) }, "the certificate in ca-key.pem is not signed by ca.pem"},
		"another's key alone":    {func(t *testing.T, dir string) { mixKeys(t, dir, other) }, "key and certificate in ca-key.pem don't fit together"},
		"a folder for a file": {func(t *testing.T, dir string) {
			remove(t, dir, certificateFile)
			if err := os.Mkdir(filepath.Join(dir, certificateFile), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "ca.pem is no file of an authority"},
		"too large a file": {func(t *testing.T, dir string) { write(t, dir, keyFile, strings.Repeat("x", maxFile+1)) }, "ca-key.pem is no file of an authority"},
		"others' too": {func(t *testing.T, dir string) {
			if runtime.GOOS == "windows" {
				t.Skip("who may write isn't told there")
			}
			if err := os.Chmod(filepath.Join(dir, keyFile), 0o620); err != nil {
				t.Fatal(err)
			}
		}, "others may write to ca-key.pem"},
		"a leaf": {func(t *testing.T, dir string) {
			ca, err := OpenCA(dir, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			leaf, _ := ca.leaf("localhost")
			der, _ := x509.MarshalPKCS8PrivateKey(ca.leafKey)
			write(t, dir, certificateFile, pemOf("CERTIFICATE", string(leaf.Certificate[0])))
			write(t, dir, keyFile, pemOf("PRIVATE KEY", string(der)))
		}, "ca.pem is no certificate of an authority"},
	} {
		t.Run(name, func(t *testing.T) {
			ca := testCA(t)
			dir := filepath.Dir(ca.File())
			test.spoil(t, dir)
			before, _ := os.ReadFile(ca.File())
			got, err := OpenCA(dir, "test authority", testHosts)
			if test.want == "" {
				if err != nil || got.certificate.Equal(ca.certificate) {
					t.Errorf("no new authority: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "remove the folder") {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if after, _ := os.ReadFile(ca.File()); string(after) != string(before) {
				t.Error("the certificate was replaced")
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Dir(file), "file", "x")
	for _, dir := range []string{"", file, filepath.Join(file, "ca")} {
		if _, err := OpenCA(dir, "test authority", testHosts); err == nil || !strings.Contains(err.Error(), "certificate authority: ") {
			t.Errorf("folder %q: %v", dir, err)
		}
	}
}

// TestCAAges follows an authority and its certificates over the years.
func TestCAAges(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	dir := t.TempDir()
	ca, err := openCA(dir, "test authority", testHosts, clock)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := ca.leaf("localhost")
	now = now.Add(leafLife - renewBefore - time.Minute)
	if c, _ := ca.leaf("localhost"); c != first {
		t.Error("renewed early")
	}
	now = now.Add(2 * time.Minute)
	if c, _ := ca.leaf("localhost"); c == first || !c.Leaf.NotAfter.After(first.Leaf.NotAfter) {
		t.Error("not renewed")
	}
	now = ca.certificate.NotAfter.Add(-time.Hour)
	if c, err := ca.leaf("localhost"); err != nil || c.Leaf.NotAfter.After(ca.certificate.NotAfter) {
		t.Errorf("the last certificate outlives its authority: %v", err)
	}
	if again, err := openCA(dir, "test authority", testHosts, clock); err != nil || !again.certificate.Equal(ca.certificate) {
		t.Errorf("renewed before it has expired: %v", err)
	}
	now = now.Add(2 * time.Hour)
	if _, err := ca.leaf("localhost"); err == nil || !strings.Contains(err.Error(), "has expired: start again") {
		t.Errorf("after the end: %v", err)
	}
	if again, err := openCA(dir, "test authority", testHosts, clock); err != nil || again.certificate.Equal(ca.certificate) {
		t.Errorf("not renewed: %v", err)
	}
	now = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := openCA(dir, "test authority", testHosts, clock); err == nil || !strings.Contains(err.Error(), "this computer's clock says 2025-01-01T00:00:00Z") {
		t.Errorf("before its time: %v", err)
	}
}

// TestLeavesAreBounded asks for more hosts than are remembered.
func TestLeavesAreBounded(t *testing.T) {
	var hosts []string
	for i := range maxLeaves + 10 {
		hosts = append(hosts, fmt.Sprintf("h%d.example.com", i))
	}
	ca, err := OpenCA(t.TempDir(), "test authority", hosts)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range hosts {
		if _, err := ca.leaf(host); err != nil {
			t.Fatal(err)
		}
	}
	if len(ca.leaves) > maxLeaves {
		t.Errorf("%d are remembered", len(ca.leaves))
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, dir string, from *CA, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(from.File()), name))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, name, string(text))
}

// mixKeys leaves a key of one authority with the certificate of another's signer.
func mixKeys(t *testing.T, dir string, from *CA) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(from.File()), keyFile))
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	theirs, _ := pem.Decode(text)
	_, certificate := pem.Decode(own)
	write(t, dir, keyFile, string(pem.EncodeToMemory(theirs))+string(certificate))
}

func pemOf(kind, bytes string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(bytes)}))
}
