package exchange

import (
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/marketplace"
)

// HostKind is what a host of Amazon's is for.
type HostKind int

const (
	OwnAddress HostKind = iota // none of Amazon's: the path tells
	APIHost                    // SP-API
	SandboxHost
	LWAHost     // Login with Amazon
	STSHost     // the Security Token Service
	SQSHost     // the Simple Queue Service
	CentralHost // Seller and Vendor Central
	DocumentHost
	SchemaHost
)

// Host is a host of Amazon's. Its region is "" where it has none, or one of AWS without SP-API.
type Host struct {
	Kind      HostKind
	Region    marketplace.Region
	AWSRegion string // of a service of AWS
}

// documentBuckets are the buckets that were seen in URLs: selling-partner-api-models#1593 (North America), #2648 (Europe), and a
// getReportDocument answer of October 2025 in a public repository's notes (Far East).
var documentBuckets = map[marketplace.Region]string{
	marketplace.NorthAmerica: "tortuga-prod-na.s3-external-1.amazonaws.com",
	marketplace.Europe:       "tortuga-prod-eu.s3-eu-west-1.amazonaws.com",
	marketplace.FarEast:      "tortuga-prod-fe.s3-us-west-2.amazonaws.com",
}

// DocumentBucket is the host of a region's reports, feeds and queries.
func DocumentBucket(r marketplace.Region) string { return documentBuckets[r] }

// schemaBuckets is where Amazon keeps the schemas of product types (selling-partner-api-models' sandbox cases, and lineofflight/peddler,
// test/vcr_cassettes/Peddler/API/ProductTypeDefinitions20200901Test, September 2024). That of the Far East is assumed.
var schemaBuckets = map[marketplace.Region]string{
	marketplace.NorthAmerica: "selling-partner-definitions-prod-iad.s3.amazonaws.com",
	marketplace.Europe:       "selling-partner-definitions-prod-dub.s3.eu-west-1.amazonaws.com",
	marketplace.FarEast:      "selling-partner-definitions-prod-pdx.s3.us-west-2.amazonaws.com",
}

// SchemaBucket is the host of a region's schemas of product types; "" for none of SP-API's regions.
func SchemaBucket(r marketplace.Region) string { return schemaBuckets[r] }

// lwaHosts are those of Login with Amazon: the first is good for all regions, and the one that SP-API's guides name; the others are for Europe and
// the Far East (developer.amazon.com/docs/login-with-amazon/authorization-code-grant.html), which some clients of SP-API call
// (4379711/amz-sdk, selling_partner/auth/auth.go).
var lwaHosts = []string{"api.amazon.com", "api.amazon.co.uk", "api.amazon.co.jp"}

// awsRegions are the regions of AWS that are open without being asked for (docs.aws.amazon.com/general/latest/gr/sts.html), each with a host of the
// Security Token Service and two of the Simple Queue Service (docs.aws.amazon.com/general/latest/gr/sqs-service.html): the older one is what version 1 of AWS's
// command line calls, whatever AWS_ENDPOINT_URL_SQS says (aws/aws-cli, awscli/customizations/overridesslcommonname.py).
var awsRegions = []string{
	"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1",
	"eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
}

// hosts are all hosts that the emulator stands for.
var hosts = sync.OnceValue(func() map[string]Host {
	table := map[string]Host{
		// The global endpoint is us-east-1's (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html).
		"sts.amazonaws.com":   {Kind: STSHost, AWSRegion: "us-east-1"},
		"queue.amazonaws.com": {Kind: SQSHost, AWSRegion: "us-east-1"},
	}
	for _, r := range marketplace.Regions() {
		name := strings.TrimPrefix(r.Endpoint(), "https://")
		table[name] = Host{Kind: APIHost, Region: r}
		table["sandbox."+name] = Host{Kind: SandboxHost, Region: r}
		table[documentBuckets[r]] = Host{Kind: DocumentHost, Region: r}
		table[schemaBuckets[r]] = Host{Kind: SchemaHost, Region: r}
	}
	for _, m := range marketplace.All() {
		for _, base := range []string{m.SellerCentral, m.VendorCentral} {
			table[strings.TrimPrefix(base, "https://")] = Host{Kind: CentralHost, Region: m.Region}
		}
	}
	for _, name := range lwaHosts {
		table[name] = Host{Kind: LWAHost}
	}
	for _, region := range awsRegions {
		table["sts."+region+".amazonaws.com"] = Host{Kind: STSHost, AWSRegion: region}
		table["sqs."+region+".amazonaws.com"] = Host{Kind: SQSHost, AWSRegion: region}
		if region != "us-east-1" {
			table[region+".queue.amazonaws.com"] = Host{Kind: SQSHost, AWSRegion: region}
		}
	}
	return table
})

// HostNamed finds a host by its name in lower case and without its port. The zero Host stands for all that aren't Amazon's.
func HostNamed(name string) Host { return hosts()[name] }

// Hosts are the names of all hosts that the emulator stands for, in ascending order.
func Hosts() []string { return slices.Collect(format.SortedKeys(hosts())) }
