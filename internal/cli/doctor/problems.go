package doctor

import "slices"

// problem is a misconfiguration that doctor knows by name. Scripts depend on the names: one keeps its meaning.
type problem struct {
	name  string
	title string
	fix   string
}

const (
	developerCentral = `Seller Central > "Partner Network" > "Develop Apps" (or Vendor Central > "Integration" > "API Integration")`
	authorizeAgain   = "let the seller authorize again: spapi auth login"
)

// problems are all that doctor can name, in the order of its checks.
var problems = []problem{
	// Configuration.
	{"no-configuration", "no credentials are set anywhere", "store an account with \"spapi auth login\", or set SPAPI_CLIENT_ID, SPAPI_CLIENT_SECRET, SPAPI_REFRESH_TOKEN and SPAPI_REGION; to look around without an account, add --emulator"},
	{"client-id-missing", "the LWA client id is not set", "copy \"Client identifier\" from " + developerCentral + " > \"LWA credentials\""},
	{"client-secret-missing", "the LWA client secret is not set", "copy \"Client secret\" from " + developerCentral + " > \"LWA credentials\""},
	{"refresh-token-missing", "the refresh token is not set", "authorize the application: spapi auth login, with --self for your own account"},
	{"region-missing", "neither a region nor a marketplace is set", "set SPAPI_REGION to na, eu or fe, or SPAPI_MARKETPLACE to a country such as DE; or pass --region or --marketplace"},
	{"spaces-pasted", "a credential has spaces, quotes or invisible characters around or in it", "set it again, bare: without quotes inside the value, spaces or a line break"},
	{"client-id-is-secret", "the client secret stands where the client id belongs", "exchange the two: the id begins with amzn1.application-oa2-client."},
	{"client-id-is-application-id", "the application id stands where the client id belongs", "use the \"Client identifier\" below \"LWA credentials\", which begins with amzn1.application-oa2-client."},
	{"client-id-malformed", "the client id has not the form of one", "copy it anew: it begins with amzn1.application-oa2-client."},
	{"client-secret-is-client-id", "the client id stands where the client secret belongs", "use the secret, which begins with amzn1.oa2-cs.v1."},
	{"client-secret-is-token", "a token stands where the client secret belongs", "use the secret, which begins with amzn1.oa2-cs.v1."},
	{"client-secret-masked", "the client secret is the row of stars that the console shows", "press \"View\" beside it and copy the secret itself"},
	{"refresh-token-is-access-token", "an access token stands where the refresh token belongs", "use the refresh token, which begins with Atzr|; access tokens (Atza|) live one hour and are fetched by themselves"},
	{"refresh-token-is-restricted-token", "a restricted data token stands where the refresh token belongs", "use the refresh token, which begins with Atzr|; restricted tokens are fetched by themselves"},
	{"refresh-token-is-code", "an authorization code stands where the refresh token belongs", "a code must be exchanged within five minutes: \"spapi auth login\" does that; use the refresh token that comes out"},
	{"refresh-token-is-credential", "a part of the application's credentials stands where the refresh token belongs", "use the refresh token, which begins with Atzr|"},
	{"refresh-token-encoded", "the refresh token is still percent-encoded", "write | in place of %7C"},
	{"refresh-token-malformed", "the refresh token has not the form of one", "copy it anew: it begins with Atzr|, and shells need it in single quotes because of the |"},
	{"region-is-marketplace", "a marketplace or country stands where the region belongs", "put it into SPAPI_MARKETPLACE or --marketplace, which tells the region; a region is na, eu or fe"},
	{"region-unknown", "the region is none of Amazon's three", "use na, eu or fe"},
	{"marketplace-unknown", "the marketplace is unknown", "use an id, a country code, a name or a storefront; \"spapi marketplaces --all\" lists them"},
	{"marketplace-in-other-region", "region and marketplace contradict each other", "set one of the two; an authorization holds in one region"},
	{"seller-id-malformed", "the seller id cannot be one",
		"copy it anew: the \"Merchant Token\" below \"Account Info\" in Seller Central, without spaces or quotes"},
	{"application-id-malformed", "the application id cannot be one", "copy it anew from " + developerCentral + ": it begins with amzn1.sp.solution."},
	{"role-arn-malformed", "the role ARN is none of a role",
		"SP-API needs no role since 2023-10-02: unset SPAPI_ROLE_ARN and SP_ROLE_ARN, or set the role's ARN, arn:aws:iam::…:role/…"},
	{"spellings-differ", "two spellings of one variable are set, and differ", "unset one of the two"},
	{"switch-not-boolean", "SPAPI_SANDBOX is neither true nor false", "set it to true or false"},
	{"profile-readable-by-others", "the profile file can be read or written by others", "it holds secrets: chmod 600 on it"},
	{"profile-field-unknown", "the profile file has a field that nothing reads", "correct the spelling; the fields are client_id, client_secret, refresh_token, region, marketplace, seller_id, endpoint, token_url, sandbox, " +
		"fleet, fleet_key and fleet_processes"},
	{"profile-malformed", "the profile file is no JSON, or has the wrong form", "correct it: {\"profiles\": {\"default\": {\"client_id\": …}}}"},
	{"profile-file-missing", "the profile file cannot be opened", "check SPAPI_CONFIG, or make the file"},
	{"profile-unknown", "the file has no such profile", "check --profile and SPAPI_PROFILE"},
	{"folder-unknown", "the system names no folder for a user's settings", "set SPAPI_ACCOUNTS and SPAPI_CONFIG to files of your own, or HOME"},
	{"account-name-invalid", "the account's name cannot be one", "\"spapi auth list\" shows the names"},
	{"account-unknown", "no account of that name is stored", "\"spapi auth list\" shows the names"},
	{"account-ambiguous", "several accounts are stored and none is the default", "choose one with \"spapi auth use\" or --account"},
	{"store-locked", "the stored accounts cannot be opened", "give the passphrase or key with which they were sealed (SPAPI_PASSPHRASE, SPAPI_KEY_FILE or the keyring)"},
	{"store-damaged", "the stored accounts are damaged", "restore the file from a backup, or move it away and authorize anew"},
	{"store-readable-by-others", "the stored accounts can be read or written by others", "chmod 600 on the file"},
	{"endpoint-not-https", "the endpoint or token URL is not https", "use https: plain http is for this machine only"},
	{"endpoint-malformed", "the endpoint or token URL is no usable URL", "use an absolute URL such as https://host, without user, password, query or fragment"},
	{"endpoint-contradicts", "the endpoint is Amazon's, but not that of the region and sandbox", "leave the endpoint out: region and sandbox tell it"},
	{"endpoint-is-central", "the endpoint is a website of Amazon's and not the API", "leave the endpoint out: the region tells it. Seller Central and Vendor Central are only for the consent page"},
	{"environment-over-account", "the environment, a profile or a flag says otherwise than the account or profile that is used",
		"unset the variable if that is not meant; what counts is told"},
	{"token-url-elsewhere", "tokens and calls go to different services", "set endpoint and token URL together: both to the emulator, or neither"},
	{"endpoint-foreign", "the endpoint is none of Amazon's", "if that is not meant, leave the endpoint out: access tokens are sent there"},
	{"settings-invalid", "a setting cannot work", "correct what the message names"},

	// The way to Amazon.
	{"dns-failure", "the name of Amazon's host is not resolved", "check the network's DNS, VPN and firewall"},
	{"proxy-unreachable", "the proxy does not answer", "check HTTPS_PROXY and NO_PROXY"},
	{"proxy-authentication", "the proxy wants a login", "put the proxy's user and password into HTTPS_PROXY, or go round it with NO_PROXY"},
	{"connection-refused", "Amazon's host was not reached", "check firewall, proxy and the endpoint"},
	{"no-answer", "no answer came in time", "check firewall, VPN and proxy; a firewall that swallows packets looks like this"},
	{"tls-interception", "something on the way answers with a certificate of its own", "TLS is opened on the way, by a company proxy or an antivirus: let it pass Amazon's API hosts, or add its authority to the system's certificates if you trust it with the tokens"},
	{"tls-wrong-host", "the certificate is for another host", "check DNS and the endpoint: something else answers at that address"},
	{"tls-expired", "the certificate is not valid at this machine's time", "set this machine's clock right; if it is right, something else answers in place of Amazon"},
	{"html-in-between", "a web page came in place of the API's answer", "a proxy, firewall or captive portal answers in place of Amazon: open a browser and log in there, or go round it"},
	{"clock-skew", "this machine's clock is wrong", "set it by NTP: signatures and tokens depend on it"},
	{"header-stripped", "the access token did not arrive at Amazon", "something on the way takes the header x-amz-access-token out: let it pass"},
	{"api-failing", "Amazon's API fails", "try later; if it lasts, give Amazon's support the request id"},

	// Credentials.
	{"secret-expired", "the client secret has expired", "rotate it in " + developerCentral + " > \"LWA credentials\", and store the new one; refresh tokens stay valid"},
	{"secret-expires-soon", "the client secret expires soon", "rotate it now: the old one stays good for seven days"},
	{"client-id-of-another-application", "the client id belongs to another application than the secret", "use the client id and the secret of the same application"},
	{"client-refused", "Login with Amazon refuses client id and client secret", "copy both anew from " + developerCentral + " > \"LWA credentials\": the secret is mistyped, was rotated out (the old one ends after seven days), or belongs to another application"},
	{"refresh-token-of-another-application", "the refresh token was granted to another application", "use the credentials of the application that the seller authorized"},
	{"authorization-revoked", "Login with Amazon refuses the refresh token", "the seller took the authorization back, it ran out (365 days), or it is another application's: " + authorizeAgain},
	{"unauthorized-client", "the application may not use this grant", "check that it is an SP-API application, and that client id and refresh token are of the same one"},
	{"token-endpoint-throttled", "Login with Amazon refuses more requests for now", "something asks for a token with every call: keep an access token for its hour, and share it"},
	{"token-endpoint-failing", "Login with Amazon fails", "try later; check the token URL if it is not Amazon's"},
	{"token-endpoint-wrong", "what answers at the token URL is not Login with Amazon", "leave the token URL out, or check it and any proxy"},

	// Access.
	{"wrong-region", "the account is in another region", "set the region that answered; an authorization holds in one region"},
	{"endpoint-in-other-region", "the endpoint is that of another region than the account's marketplaces", "leave the endpoint out, since the region tells it, or set the region that the endpoint is in"},
	{"sandbox-in-production", "the authorization is good for the sandbox only", "set SPAPI_SANDBOX=true or pass --sandbox; for production, register a production application"},
	{"vendor-account", "the authorization is a vendor's and not a seller's", "use the vendor operations (\"spapi ops vendor\"); for a seller, authorize at Seller Central without --vendor"},
	{"access-refused", "SP-API refuses every call", "the application has no role, or the seller authorized before it got its roles: check the roles in Developer Central, then " + authorizeAgain},
	{"no-call-works", "no call works", "check the endpoint and any proxy on the way; \"spapi request /sellers/v1/marketplaceParticipations -i\" shows what answers"},
	{"seller-not-in-region", "the seller takes part in no marketplace of the region", "finish the registration in Seller Central, or use the region where the seller sells"},
	{"marketplace-not-joined", "the seller does not take part in the marketplace", "use one of those named, or join it in Seller Central"},
	{"listings-suspended", "the seller's listings are suspended in a marketplace", "see \"Account health\" in Seller Central"},
	{"role-missing", "the application lacks a role", "add the role in Developer Central, then " + authorizeAgain},
	{"restricted-data-refused", "the application may not have restricted data", "names, addresses and the like need a restricted role (Direct-to-Consumer Shipping, Tax Invoicing, Tax Remittance): ask for it in Developer Central, then " + authorizeAgain},
	{"throttled", "the rate limit is used up", "another program of the same application uses it too: wait, or share limits between processes (SPAPI_FLEET)"},

	// What the processes of an application share.
	{"fleet-address-malformed", "SPAPI_FLEET is no address of a Redis or Valkey server", "use redis://host:6379/0, or another form that docs/fleet.md has"},
	{"fleet-address-missing", "a fleet's key or number of processes is set, and no server to share over",
		"set SPAPI_FLEET=redis://host:6379/0, or leave SPAPI_FLEET_KEY and SPAPI_FLEET_PROCESSES out too"},
	{"fleet-no-adapter", "nothing knows the kind of address that SPAPI_FLEET is", "use redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://"},
	{"fleet-processes-invalid", "SPAPI_FLEET_PROCESSES is no number of processes", "use a number from 1 to 100000, or leave it out"},
	{"fleet-key-invalid", "SPAPI_FLEET_KEY has something that is no key", "use 32 random bytes in base64, such as \"openssl rand -base64 32\" prints, several separated by commas"},
	{"fleet-unreachable", "the server that SPAPI_FLEET names does not answer", "check address, network and firewall; until it answers each process keeps to its own share of the limits"},
	{"fleet-refused", "the server that SPAPI_FLEET names refuses what the fleet needs", "set right what it says: docs/fleet.md has the forms of addresses, the commands and keys that a user needs, and the server's settings"},

	// AWS, for programs that still sign.
	{"aws-role-missing", "AWS keys are set and no role is", "SP-API needs neither since 2023-10-02: leave both out, or set SPAPI_ROLE_ARN to the role that was registered with the application"},
	{"aws-keys-missing", "a role is set and no AWS credentials are", "SP-API needs neither since 2023-10-02: unset SPAPI_ROLE_ARN and SP_ROLE_ARN, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
	{"aws-keys-invalid", "AWS does not accept the keys", "copy access key and secret key anew from IAM, or leave them out: SP-API needs none since 2023-10-02"},
	{"sts-denied", "AWS does not let these keys assume the role", "let the role's trust policy name the user, and the user's policy allow sts:AssumeRole; or leave both out: SP-API needs none since 2023-10-02"},
	{"sts-unreachable", "AWS's Security Token Service did not answer", "check network and proxy, or leave the AWS role out: SP-API needs none since 2023-10-02"},

	// The consent page.
	{"application-draft", "the application is a draft, which the consent page refuses, or its id is wrong",
		"authorize with version=beta (spapi auth login --beta), or publish the application; if that is done, copy the application id anew, which is not the client id"},
	{"application-not-published", "the consent page refuses the application as it is registered",
		"publish it, or authorize with version=beta (spapi auth login --beta); if that is done, check its redirect URIs, and that it is registered for sellers or vendors as meant"},
	{"application-not-found", "the consent page finds no such application", "copy the application id anew from " + developerCentral + ": it begins with amzn1.sp.solution."},
	{"application-of-others-unpublished", "another seller than the application's own is asked for consent while it is not published",
		"publish the application, or authorize it for your own account (spapi auth login --self)"},
	{"redirect-mismatch", "the redirect URI is none of the application's", "register exactly this URI with the application, or pass one of its own as --redirect-uri"},
	{"application-uris-missing", "the application has no OAuth login and redirect URIs", "add them in Developer Central"},

	// Operations.
	{"deprecated-operation", "an operation in use is deprecated", "move to the one that replaces it"},
}

func find(name string) problem {
	i := slices.IndexFunc(problems, func(p problem) bool { return p.name == name })
	if i < 0 {
		panic("doctor: no problem is called " + name) // a mistake of ours, found by the first test
	}
	return problems[i]
}
