package redistest

import (
	"net/url"
	"testing"

	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/fleettest"
)

// TestAdapter runs the suite of a [fleet.Server] on what an adapter opens for addresses of one server: over TCP, a Unix socket and TLS.
func TestAdapter(t *testing.T, open func(t *testing.T, address string) fleet.Server) {
	run := func(name string, r *Redis, address func(t *testing.T) (string, []*fleettest.Proxy)) {
		t.Run(name, func(t *testing.T) {
			fleettest.TestServer(t, func(t *testing.T) fleettest.Redis {
				at, proxies := address(t)
				return fleettest.Redis{Server: open(t, at), Proxies: proxies, FlushScripts: func() { r.Do(t, "SCRIPT", "FLUSH") }}
			})
		})
	}
	proxied := func(network, target, before, after string) func(t *testing.T) (string, []*fleettest.Proxy) {
		return func(t *testing.T) (string, []*fleettest.Proxy) {
			p := fleettest.NewProxy(t, network, target)
			return before + p.Address() + after, []*fleettest.Proxy{p}
		}
	}
	r, ca := Start(t), NewCA(t)
	tls := StartTLS(t, ca, "--tls-auth-clients", "yes")
	run("TCP", r, proxied("unix", r.Socket, "redis://", "/3"))
	run("Unix", r, func(*testing.T) (string, []*fleettest.Proxy) { return "unix://" + r.Socket + "?db=1", nil })
	query := "?" + url.Values{"ca": {ca.File}, "cert": {ca.ServerCert}, "key": {ca.ServerKey}}.Encode()
	run("TLS", tls, proxied("tcp", tls.Address, "rediss://", query))
}
