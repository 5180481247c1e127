package auth

import (
	"encoding/xml"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// The Security Token Service, as far as SP-API needed it: AssumeRole by the query API of version 2011-06-15
// (docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).

const (
	STSPath       = "/sts/"
	stsVersion    = "2011-06-15"
	invalidAction = "InvalidAction"
	stsNamespace  = "https://sts.amazonaws.com/doc/2011-06-15/"
)

// IsSTS tells whether a request is for the Security Token Service, wherever it is served.
func IsSTS(x *exchange.Exchange) bool {
	return x.URL.Path == STSPath || x.URL.Path+"/" == STSPath || exchange.HostNamed(x.Name).Kind == exchange.STSHost
}

// awsRegions are those of SP-API's endpoints.
func awsRegions() []string {
	var regions []string
	for _, r := range marketplace.Regions() {
		regions = append(regions, r.AWSRegion())
	}
	return regions
}

// stsError is an error of the query API: <ErrorResponse><Error><Type>Sender</Type>… as seen in jrl84/amazon-sp-api#218 and
// aws/aws-sdk-go-v2#2567.
type stsError struct {
	status  int
	code    string
	message string
}

func (e *stsError) reply(requestID string) answer.Reply {
	type detail struct {
		Type    string
		Code    string
		Message string
	}
	said, _, _ := strings.Cut(e.message, "\n") // a canonical request behind it may have secrets
	if e.code == invalidAction {               // which repeats what came in place of an action
		said = "want AssumeRole or GetCallerIdentity of version " + stsVersion
	}
	return answer.XML(e.status, struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Xmlns     string   `xml:"xmlns,attr"`
		Error     detail
		RequestID string `xml:"RequestId"`
	}{Xmlns: stsNamespace, Error: detail{"Sender", e.code, e.message}, RequestID: requestID}).Because("sts: " + e.code + ": " + said)
}

// STS answers the Security Token Service.
func (u *Authority) STS(x *exchange.Exchange) answer.Reply {
	r, err := u.stsAction(x)
	if err != nil {
		return err.reply(x.RequestID)
	}
	return r
}

// stsForm reads the arguments, from the query and a form in the body.
func stsForm(x *exchange.Exchange) (url.Values, error) {
	form := x.URL.Query()
	if kind, _, _ := mime.ParseMediaType(x.Header.Get("Content-Type")); x.Method == http.MethodPost && kind == "application/x-www-form-urlencoded" {
		body, err := url.ParseQuery(string(x.Body))
		if err != nil {
			return nil, err
		}
		for name, values := range body {
			form[name] = values
		}
	}
	return form, nil
}

// STSOperation names the action of a request, if it is one that there is.
func STSOperation(x *exchange.Exchange) string {
	form, _ := stsForm(x)
	if action := form.Get("Action"); action == "AssumeRole" || action == "GetCallerIdentity" {
		return "sts." + action
	}
	return "sts"
}

func (u *Authority) stsAction(x *exchange.Exchange) (answer.Reply, *stsError) {
	form, err := stsForm(x)
	if err != nil {
		return answer.Reply{}, &stsError{http.StatusBadRequest, "MalformedQueryString", "The query string contains a syntax error."}
	}
	action := form.Get("Action")
	switch {
	case action == "":
		return answer.Reply{}, &stsError{http.StatusBadRequest, "MissingAction", "The request must contain the parameter Action."}
	case action != "AssumeRole" && action != "GetCallerIdentity" || form.Get("Version") != stsVersion:
		return answer.Reply{}, &stsError{http.StatusBadRequest, invalidAction, "Could not find operation " + action + " for version " + form.Get("Version")}
	}
	caller, refused := u.checkSTSSignature(x)
	if refused != nil {
		return answer.Reply{}, refused
	}
	if action == "GetCallerIdentity" {
		return u.callerIdentity(x, caller), nil
	}
	return u.assumeRole(x, form, caller)
}

// checkSTSSignature verifies the signature, which unlike SP-API's is always needed, and returns the key that made it.
func (u *Authority) checkSTSSignature(x *exchange.Exchange) (keyID string, _ *stsError) {
	if x.Header.Get("Authorization") == "" {
		return "", &stsError{http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"}
	}
	s, problem := parseSignature(x.Header)
	if problem != "" {
		return "", &stsError{http.StatusBadRequest, "IncompleteSignature", problem}
	}
	if s.service != "sts" {
		return "", &stsError{http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'."}
	}
	// The global endpoint is signed for us-east-1, regional ones for their region; a host of our own has no region.
	if want := exchange.HostNamed(x.Name).AWSRegion; want != "" && s.region != want {
		return "", &stsError{http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to a valid region."}
	}
	if message := s.late(x.Now); message != "" {
		return "", &stsError{http.StatusForbidden, "SignatureDoesNotMatch", message}
	}
	secret, problem := u.awsSecret(s.keyID, x.Header.Get("X-Amz-Security-Token"), x.Now)
	switch {
	case problem == sessionExpired:
		return "", &stsError{http.StatusForbidden, "ExpiredToken", problem}
	case problem != "":
		return "", &stsError{http.StatusForbidden, "InvalidClientTokenId", problem}
	}
	if _, _, ok := s.verify(x, secret); !ok {
		return "", &stsError{http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
	}
	return s.keyID, nil
}

var (
	// The pattern and bounds that API_AssumeRole documents.
	sessionNamePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w+=,.@-]{2,64}$`) })
	roleARNPattern     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^arn:aws:iam::\d{12}:role/[\w+=,.@/-]{1,512}$`) })
)

const (
	minSession     = 900   // seconds
	maxSession     = 43200 // seconds
	defaultSession = 3600  // seconds; also the role's MaxSessionDuration, which is one hour unless set
)

func (u *Authority) assumeRole(x *exchange.Exchange, form url.Values, caller string) (answer.Reply, *stsError) {
	fail := func(message string) (answer.Reply, *stsError) {
		return answer.Reply{}, &stsError{http.StatusBadRequest, "ValidationError", message}
	}
	role, name := form.Get("RoleArn"), form.Get("RoleSessionName")
	switch {
	case role == "":
		return fail("1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null")
	case !roleARNPattern().MatchString(role):
		return fail(role + " is invalid")
	case name == "":
		return fail("1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null")
	case !sessionNamePattern().MatchString(name):
		return fail("1 validation error detected: Value '" + name + `' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*, and have a length of 2 to 64`)
	}
	seconds := defaultSession
	if text := form.Get("DurationSeconds"); text != "" {
		n, err := strconv.Atoi(text)
		switch {
		case err != nil || n < minSession:
			return fail("1 validation error detected: Value '" + text + "' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900")
		case n > maxSession:
			return fail("1 validation error detected: Value '" + text + "' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200")
		case n > defaultSession:
			return fail("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
		}
		seconds = n
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if role != u.app.RoleARN() || caller != u.app.KeyID {
		who := u.app.userARN()
		if caller != u.app.KeyID {
			who = "arn:aws:sts::" + u.app.awsAccount + ":assumed-role/" + u.app.roleName + "/" + caller
		}
		// selling-partner-api-models#891
		return answer.Reply{}, &stsError{http.StatusForbidden, "AccessDenied", "User: " + who + " is not authorized to perform: sts:AssumeRole on resource: " + role}
	}
	u.sessions.Sweep(x.Now)
	r := u.seed.Next("session")
	keyID := "ASIA" + r.Text(random.Base36, 16)
	s := &session{secretKey: r.Text(random.Base64Std, 40), token: "IQoJb3JpZ2luX2Vj" + r.Text(random.Base64Std, 340), expires: x.Now.Add(time.Duration(seconds) * time.Second)}
	u.sessions.Put(keyID, s, s.expires.Add(rememberedFor))

	type credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
	}
	type user struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		Arn           string
	}
	type result struct {
		AssumedRoleUser user
		Credentials     credentials
	}
	return answer.XML(http.StatusOK, struct {
		XMLName          xml.Name `xml:"AssumeRoleResponse"`
		Xmlns            string   `xml:"xmlns,attr"`
		AssumeRoleResult result
		RequestID        string `xml:"ResponseMetadata>RequestId"`
	}{
		Xmlns: stsNamespace,
		AssumeRoleResult: result{
			user{"AROA" + u.seed.Of("role").Text(random.Base36, 17) + ":" + name, "arn:aws:sts::" + u.app.awsAccount + ":assumed-role/" + u.app.roleName + "/" + name},
			credentials{keyID, s.secretKey, s.token, format.Timestamp(s.expires)},
		},
		RequestID: x.RequestID,
	}), nil
}

func (u *Authority) callerIdentity(x *exchange.Exchange, keyID string) answer.Reply {
	type result struct {
		Arn     string
		UserID  string `xml:"UserId"`
		Account string
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	arn := u.app.userARN()
	if keyID != u.app.KeyID {
		arn = "arn:aws:sts::" + u.app.awsAccount + ":assumed-role/" + u.app.roleName + "/sp-api"
	}
	return answer.XML(http.StatusOK, struct {
		XMLName                 xml.Name `xml:"GetCallerIdentityResponse"`
		Xmlns                   string   `xml:"xmlns,attr"`
		GetCallerIdentityResult result
		RequestID               string `xml:"ResponseMetadata>RequestId"`
	}{Xmlns: stsNamespace, GetCallerIdentityResult: result{arn, keyID, u.app.awsAccount}, RequestID: x.RequestID})
}

// STSTrouble is how the service says that something is wrong with it; false where it says so as SP-API does.
func STSTrouble(x *exchange.Exchange, t answer.Trouble) (answer.Reply, bool) {
	if t != answer.TroubleThrottled || x.Operation == "sts" {
		return answer.Reply{}, false
	}
	return (&stsError{http.StatusBadRequest, "Throttling", "Rate exceeded"}).reply(x.RequestID), true
}
