package fleet

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"sync"
)

// advices says of what servers and client libraries answer what would be right. The first that matches counts.
var advices = []struct{ answer, advice string }{
	{"WRONGPASS", "check user and password of the address"},
	{"invalid password", "check the password of the address"}, // before Redis 6
	{"NOAUTH", "the server wants a password: redis://user:password@host"},
	{"without any password configured", "the server wants no password of the default user: leave it out of the address"},
	{"NOPERM", "give the user the rights that docs/fleet.md lists"},
	{"can't run this command or subcommand", "give the user the rights that docs/fleet.md lists"}, // in a script, before Redis 7.2
	{"DB index is out of range", "the server has no database of this number: end the address with /0"},
	{"SELECT is not allowed in cluster mode", "a cluster has database 0 alone: end the address with /0"},
	{"READONLY", "this is a replica: name the primary, or sentinels (redis+sentinel://), who know it"},
	{"OOM ", "the server's memory is full: raise its maxmemory, or give the fleet a server of its own"},
	{"MISCONF", "the server can't save to its disk and takes no writes: make room, or set stop-writes-on-bgsave-error to no"},
	{"NOREPLICAS", "the server takes no writes without its replicas: bring them back, or lower min-replicas-to-write"},
	{"MASTERDOWN", "this is a replica without its primary: name the primary, or sentinels (redis+sentinel://), who know it"},
	{"LOADING", "the server reads its data: it is used when it is ready"},
	{"BUSY ", "a script of somebody else blocks the server: give the fleet a server of its own"},
	{"cluster support disabled", "this is one server: redis:// in place of redis+cluster://"},
	{"MOVED ", "this is a node of a cluster: redis+cluster:// in place of redis://"},
	{"CLUSTERDOWN", "the cluster has slots that no node serves: see CLUSTER INFO"},
	{"unknown command 'sentinel'", "this is a server, no sentinel: redis:// in place of redis+sentinel://, or a sentinel's port, such as 26379"},
	{"protected mode", "the server takes connections of its own machine alone: give it a password"},
	{"max number of clients reached", "raise the server's maxclients, or give the fleet a server of its own"},
	{"x509: certificate signed by unknown authority", "name its authority: ca=/path in the address"},
	{"x509: ", "the certificate must be valid for the host that the address names"},
	{"first record does not look like a TLS handshake", "the server speaks no TLS: redis:// in place of rediss://"},
	{"tls: ", "the server must accept TLS 1.2 or later, and the certificate that the address names with cert= and key="},
	{"HTTP/", "what answers speaks HTTP: check host and port"},
	{"unexpected response line", "what answers is no Redis or Valkey: check host and port"}, // of redigo
	{"connection reset by peer", "check host and port, and whether the server wants TLS (rediss://)"},
	{"EOF", "the connection was closed: check whether the server wants TLS (rediss://), and what its log says"},
	{"connection refused", "nobody listens there: check host and port"},
	{"no such file or directory", "no server has made this socket: check the path"},
	{"no such host", "check the name of the host"},
}

var password = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`//[^/@\s]*@`) })

// Explain is the text of an error of a [Server], without what addresses have before the @, and with what would be right where that is known.
func Explain(err error) string {
	if late(err) {
		return "no answer in time: check host, port and firewall, and whether the server speaks TLS (redis:// or rediss://)"
	}
	text := password().ReplaceAllString(err.Error(), "//***@")
	for _, a := range advices {
		if strings.Contains(text, a.answer) {
			return strings.TrimRight(text, ". ") + ": " + a.advice
		}
	}
	return text
}

// late reports whether an error is that of a context's end, or of the deadline that a client library made of it.
func late(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// explainScript is Explain for what may take no longer than a script.
func explainScript(err error) string {
	if late(err) {
		return "no answer within " + budget.String()
	}
	return Explain(err)
}
