package answer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/marketplace"
)

// What the fronts add to answers, as recorded: of Login with Amazon and SP-API's gateway in lineofflight/peddler, test/vcr_cassettes (2024 and 2025);
// of both and of the sandbox's hosts behind CloudFront in mehmetkerim00/repracer, docs/evidence/step70-amazon-sandbox-exchanges.json (October 2026).
// Everything follows from the request's ids, its host and the clock.

const (
	// varyFrom is from which size on the gateway names accept-encoding once more: answers of 2,329 bytes have it, of 800 don't.
	varyFrom = 2000
	// zippedFrom and zippedTo are the sizes that CloudFront compresses
	// (docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html).
	zippedFrom, zippedTo = 1000, 10_000_000
)

// front sets the headers of a front. size is the body's before it was compressed.
func front(set func(name, value string), x *exchange.Exchange, status, size int, date string) {
	switch x.Front {
	case exchange.S3:
		requestID, hostID := s3IDs(x)
		set("X-Amz-Request-Id", requestID)
		set("X-Amz-Id-2", hostID)
		set("Server", "AmazonS3")
		return
	case exchange.NoFront:
		if x.RequestID != "" { // the control plane's requests have none
			set("X-Amzn-Requestid", x.RequestID)
		}
		return
	}
	set("Server", "Server")
	set("X-Amz-Rid", x.Rid)
	if x.Front != exchange.Ping {
		set("X-Amzn-Requestid", x.RequestID)
	}
	if x.Region() != "" || x.Front == exchange.Login && strings.HasPrefix(x.Name, "api.amazon.") {
		// Only by Amazon's own names: a browser that has seen it once at localhost would know no other than https there for a year and a half.
		set("Strict-Transport-Security", "max-age=47474747; includeSubDomains; preload")
	}
	vary := "Content-Type,Accept-Encoding,User-Agent"
	if x.Front != exchange.Gateway && x.Front != exchange.Ping {
		vary = "User-Agent,Accept-Encoding"
	}
	if x.Front != exchange.Login && size >= varyFrom {
		vary = "accept-encoding," + strings.TrimSuffix(vary, ",Accept-Encoding") // the edge's ends with it
	}
	set("Vary", vary)
	if x.Front == exchange.Login {
		set("X-Amz-Date", date)
		set("Cache-Control", "no-cache, no-store, must-revalidate")
		set("Pragma", "no-cache")
		return
	}
	id := x.RequestID[:8] + x.RequestID[9:13]
	if x.Front != exchange.Ping {
		set("X-Amz-Apigw-Id", "OPF"+id)
	}
	set("X-Amzn-Trace-Id", "Root=1-"+strconv.FormatInt(x.Now.Unix(), 16)+"-"+id+x.RequestID[14:18])
	if x.Front != exchange.Edge {
		return
	}
	sum := sha512.Sum512([]byte(x.RequestID))
	set("X-Amz-Cf-Id", base64.URLEncoding.EncodeToString(sum[:40]))
	sum = sha512.Sum512([]byte(x.Name))
	set("Via", "1.1 "+hex.EncodeToString(sum[:16])+".cloudfront.net (CloudFront)")
	set("X-Amz-Cf-Pop", pops[x.Region()])
	set("Edge-Cache-Control", "no-store,no-cache,stale-if-error=0,stale-while-revalidate=0")
	cache := "Miss from cloudfront"
	if status >= 400 {
		cache = "Error from cloudfront"
	}
	set("X-Cache", cache)
}

// pops are CloudFront's edges, near where the regions' developers are; Frankfurt was recorded.
var pops = map[marketplace.Region]string{
	"": "FRA56-P14", marketplace.NorthAmerica: "IAD12-P3", marketplace.Europe: "FRA56-P14", marketplace.FarEast: "NRT57-P3",
}

// compress does what CloudFront does to a body for a client that takes gzip; nil where it does nothing.
func compress(x *exchange.Exchange, r *Reply, body []byte) []byte {
	if x.Front != exchange.Edge || len(body) < zippedFrom || len(body) > zippedTo || r.Header["Content-Encoding"] != "" ||
		!strings.Contains(x.Header.Get("Accept-Encoding"), "gzip") {
		return nil
	}
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = zip.Write(body) // into memory: can't fail
	_ = zip.Close()
	return b.Bytes()
}
