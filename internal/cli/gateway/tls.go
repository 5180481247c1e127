package gateway

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/internal/tlsfront"
	"github.com/openspapi/spapi/marketplace"
)

// lookAgain is how long a certificate is served before it is looked at whether its files have changed.
const lookAgain = 10 * time.Second

// certificate is a pair of files, read again when they change: who renews certificates replaces files, and tells nobody.
type certificate struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu     sync.Mutex
	served *tls.Certificate
	stamp  [2]fileStamp // of what was read last, whether or not it was right
	looked time.Time
}

// fileStamp tells one content of a file from another.
type fileStamp struct {
	modified time.Time
	size     int64
}

func openCertificate(t *tlsFiles, log *slog.Logger, now func() time.Time) (*certificate, error) {
	c := &certificate{cert: string(t.Certificate), key: string(t.Key), log: log, now: now}
	var err error
	if c.stamp, err = c.stamps(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	if c.served, err = c.read(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	c.looked = now()
	return c, nil
}

func (c *certificate) stamps() (s [2]fileStamp, err error) {
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return s, err
		}
		s[i] = fileStamp{info.ModTime(), info.Size()}
	}
	return s, nil
}

// read reads the pair, and refuses one that no client would take.
func (c *certificate) read() (*tls.Certificate, error) {
	if _, err := readSecret(path(c.key), nil); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", c.cert, c.key, err)
	}
	if now := c.now(); now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("%s: the certificate has ended at %s", c.cert, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return &pair, nil
}

// get is the certificate of a handshake.
func (c *certificate) get() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookAgain {
		c.looked = now
		c.look()
	}
	return c.served, nil
}

// reload looks now.
func (c *certificate) reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = c.now()
	c.look()
}

// look reads files that have changed. What can't be served leaves the old pair, and is told once for each change.
func (c *certificate) look() {
	found, err := c.stamps()
	if err == nil && found == c.stamp {
		return
	}
	var pair *tls.Certificate
	if err == nil {
		pair, err = c.read()
	}
	if err != nil {
		if found != c.stamp {
			c.log.Error("the certificate has changed and can't be used: the one from before stays", "error", err)
		}
		c.stamp = found
		return
	}
	c.stamp, c.served = found, pair
	c.log.Info("the certificate was read again", "file", c.cert, "ends", pair.Leaf.NotAfter.UTC())
}

// proxyHosts are Amazon's hosts that a gateway stands for: SP-API and Login with Amazon. Not the sandbox: whoever calls that must not reach a shop.
func proxyHosts() []string {
	hosts := slices.DeleteFunc(marketplace.Hosts(), func(host string) bool { return strings.HasPrefix(host, "sandbox.") })
	return append(hosts, settings.AmazonTokenHosts()...)
}

// openAuthority opens the gateway's own certificate authority.
func openAuthority(dir path) (*tlsfront.CA, error) {
	ca, err := tlsfront.OpenCA(string(dir), "spapi gateway", proxyHosts())
	if err != nil {
		return nil, fmt.Errorf("tls.authority: %w", err)
	}
	return ca, nil
}
