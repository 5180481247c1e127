package awsauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/openspapi/spapi/marketplace"
)

// BenchmarkSign measures our signing beside its floor, AWS's signer by itself with the hash of the same body.
func BenchmarkSign(b *testing.B) {
	for _, bc := range []struct{ name, method, target, body string }{
		{"GET", "GET", endpoint + "/catalog/2022-04-01/items?keywords=pen&marketplaceIds=ATVPDKIKX0DER", ""},
		{"POST4KB", "POST", endpoint + "/tokens/2021-03-01/restrictedDataToken", strings.Repeat("x", 4096)},
	} {
		request := func() *http.Request {
			req, err := http.NewRequest(bc.method, bc.target, strings.NewReader(bc.body))
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("X-Amz-Access-Token", strings.Repeat("t", 600))
			return req
		}
		provider := credentials.NewStaticCredentialsProvider(baseID, baseSecret, "token")
		b.Run(bc.name+"/spapi", func(b *testing.B) {
			s, err := New(Config{BaseCredentials: provider})
			if err != nil {
				b.Fatal(err)
			}
			req := request()
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Sign(context.Background(), req, marketplace.NorthAmerica); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bc.name+"/aws", func(b *testing.B) {
			s, cache := v4.NewSigner(), aws.NewCredentialsCache(provider)
			req := request()
			b.ReportAllocs()
			for b.Loop() {
				c, err := cache.Retrieve(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				hash := sha256.Sum256([]byte(bc.body))
				if err := s.SignHTTP(context.Background(), c, req, hex.EncodeToString(hash[:]), "execute-api", "us-east-1", time.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
