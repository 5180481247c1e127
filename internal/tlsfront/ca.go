package tlsfront

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	certificateFile = "ca.pem"
	keyFile         = "ca-key.pem"

	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 90 * 24 * time.Hour // Apple's systems take 398 days at most (support.apple.com/102028), and less from 2026 on
	renewBefore   = 30 * 24 * time.Hour
	backdate      = time.Hour // for clocks that are a little behind

	maxLeaves = 512 // certificates that are remembered
)

// loopbackName is who a client means that names no host.
const loopbackName = "localhost"

// CA is a certificate authority that lies in a folder, and the certificates that it has made in this process. It can sign for the hosts that it
// was made for, localhost and loopback addresses, and for nothing else, so that a key that got into wrong hands passes for no other host: that
// stands in the certificate of its signer. In that which clients trust it isn't enough, for some, Java among them, look at no constraints there
// (RFC 5280, 6.1.1 leaves them the choice); so the key of that one is thrown away as soon as it has signed the signer. It is safe for concurrent use.
type CA struct {
	file        string
	certificate *x509.Certificate // what clients trust
	signer      *x509.Certificate // what it has signed, and nothing else
	key         crypto.Signer     // the signer's
	leafKey     *ecdsa.PrivateKey // one for all: it never leaves the process
	now         func() time.Time

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// OpenCA reads the authority from a folder, or makes it where there is none: the folder for its owner alone, in it ca.pem, which clients are told
// to trust, and ca-key.pem, the signer's key and certificate. Processes that open it at the same time get the same one. An authority that has
// expired is replaced: nobody trusts it any more. Files that don't fit together or can't be read are an error, for clients may trust what lies
// there. Name is what it is called in its certificate, hosts those that it may sign for, in lower case; one that was made before for other hosts
// stays as it is.
func OpenCA(dir, name string, hosts []string) (*CA, error) {
	return openCA(dir, name, hosts, time.Now)
}

func openCA(dir, name string, hosts []string, now func() time.Time) (*CA, error) {
	if dir == "" {
		return nil, errors.New("certificate authority: the name of its folder is empty")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	// What is there needs no lock, and may lie where nothing can be written: the key is written before its certificate.
	if ca, err := readCA(dir, now); err == nil {
		return ca, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	lock := flock.New(filepath.Join(dir, ".lock"), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	defer lock.Close()
	ca, err := readCA(dir, now)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errExpired) {
		if err := makeCA(dir, name, hosts, now()); err != nil {
			return nil, fmt.Errorf("certificate authority: %w", err)
		}
		ca, err = readCA(dir, now)
	}
	if err != nil {
		return nil, fmt.Errorf("certificate authority in %s: %w; to have a new one, which clients must be told to trust, remove the folder", dir, err)
	}
	return ca, nil
}

var errExpired = errors.New("it has expired")

// readCA reads what makeCA has written. The error is fs.ErrNotExist only where there is no certificate: whoever lost the key alone must be told.
func readCA(dir string, now func() time.Time) (*CA, error) {
	ca := &CA{file: filepath.Join(dir, certificateFile), now: now, leaves: map[string]*tls.Certificate{}}
	text, err := readFile(ca.file)
	if err != nil {
		return nil, err
	}
	if ca.certificate, _, err = readCertificate(certificateFile, text); err != nil {
		return nil, err
	}
	switch t := now(); {
	case t.After(ca.certificate.NotAfter):
		return nil, errExpired
	case t.Before(ca.certificate.NotBefore):
		return nil, fmt.Errorf("%s is good from %s on, and this computer's clock says %s", certificateFile,
			ca.certificate.NotBefore.Format(time.RFC3339), t.Format(time.RFC3339))
	}
	if text, err = readFile(filepath.Join(dir, keyFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is %s, but no %s", certificateFile, keyFile)
	} else if err != nil {
		return nil, err
	}
	der, text, err := readPEM(keyFile, text, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	if ca.signer, _, err = readCertificate(keyFile, text); err != nil {
		return nil, err
	}
	var ok bool
	ca.key, ok = key.(crypto.Signer)
	if public, isKey := ca.signer.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !isKey || !public.Equal(ca.key.Public()) {
		return nil, fmt.Errorf("key and certificate in %s don't fit together", keyFile)
	}
	if err := ca.signer.CheckSignatureFrom(ca.certificate); err != nil {
		return nil, fmt.Errorf("the certificate in %s is not signed by %s: %w", keyFile, certificateFile, err)
	}
	ca.leafKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return ca, err
}

// maxFile is far more than either file has.
const maxFile = 1 << 20

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, fmt.Errorf("%s is no file of an authority", filepath.Base(path))
	case runtime.GOOS != "windows" && info.Mode()&0o022 != 0:
		return nil, fmt.Errorf("others may write to %s: whoever does is trusted in its place", filepath.Base(path))
	}
	return os.ReadFile(path)
}

func readPEM(name string, text []byte, kind string) (der, rest []byte, err error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, nil, fmt.Errorf("%s holds no %s in PEM", name, strings.ToLower(kind))
	}
	return block.Bytes, rest, nil
}

func readCertificate(name string, text []byte) (c *x509.Certificate, rest []byte, err error) {
	der, rest, err := readPEM(name, text, "CERTIFICATE")
	if err != nil {
		return nil, nil, err
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	if !c.IsCA {
		return nil, nil, fmt.Errorf("%s is no certificate of an authority", name)
	}
	return c, rest, nil
}

// makeCA writes an authority; the key first, so that there is never a certificate without one.
func makeCA(dir, name string, hosts []string, now time.Time) error {
	root, rootKey, err := newAuthority(name, hosts, now)
	if err != nil {
		return err
	}
	root.MaxPathLen = 1
	signer, key, err := newAuthority(name+" signer", hosts, now)
	if err != nil {
		return err
	}
	signer.MaxPathLenZero = true
	trusted, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		return err
	}
	signed, err := x509.CreateCertificate(rand.Reader, signer, root, key.Public(), rootKey)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	secret := []*pem.Block{{Type: "PRIVATE KEY", Bytes: private}, {Type: "CERTIFICATE", Bytes: signed}}
	if err := writePEM(filepath.Join(dir, keyFile), 0o600, secret...); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, certificateFile), 0o644, &pem.Block{Type: "CERTIFICATE", Bytes: trusted})
}

// newAuthority makes a key, and what is to stand in its certificate.
func newAuthority(name string, hosts []string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	id, err := keyID(key.Public())
	if err != nil {
		return nil, nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		// A name of its own: where two authorities of one name are trusted, some programs take the wrong one.
		Subject:               pkix.Name{CommonName: name + " " + hex.EncodeToString(id[:4])},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
		SubjectKeyId:                id,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         append(slices.Clone(hosts), loopbackName),
		PermittedIPRanges: []*net.IPNet{
			{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
	}, key, nil
}

// writePEM writes a file whole or not at all.
func writePEM(path string, mode fs.FileMode, blocks ...*pem.Block) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	for _, b := range blocks {
		if err := pem.Encode(f, b); err != nil {
			return err
		}
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

// keyID is the subject key identifier of RFC 7093, section 2, method 1.
func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	return sum[:20], nil
}

// File is the path of the authority's certificate in PEM, which clients are told to trust.
func (ca *CA) File() string { return ca.file }

// leaf returns a certificate for a host in lower case, or for localhost and the loopback addresses. The caller has checked that it stands for the host.
func (ca *CA) leaf(host string) (*tls.Certificate, error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	now := ca.now()
	if c := ca.leaves[host]; c != nil && now.Before(c.Leaf.NotAfter.Add(-renewBefore)) {
		return c, nil
	}
	if host != loopbackName && !slices.Contains(ca.signer.PermittedDNSDomains, host) {
		return nil, fmt.Errorf("the certificate authority %s can't sign for %s: it was made before that host was known; "+
			"to have a new one, which clients must be told to trust, remove its folder", ca.file, host)
	}
	notAfter := now.Add(leafLife)
	if end := ca.signer.NotAfter; end.Before(notAfter) {
		if notAfter = end; !now.Before(end) {
			return nil, fmt.Errorf("the certificate authority %s has expired: start again, and it is renewed", ca.file)
		}
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	id, err := keyID(ca.leafKey.Public())
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// No common name: some programs take one for a host, and constraints of names hold for it.
		Subject:     pkix.Name{Organization: []string{ca.certificate.Subject.CommonName}},
		NotBefore:   now.Add(-backdate),
		NotAfter:    notAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		SubjectKeyId: id,
		DNSNames:     []string{host},
	}
	if host == loopbackName {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.signer, ca.leafKey.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der, ca.signer.Raw}, PrivateKey: ca.leafKey, Leaf: parsed}
	if len(ca.leaves) >= maxLeaves {
		clear(ca.leaves) // they are cheap to make again
	}
	ca.leaves[host] = c
	return c, nil
}
