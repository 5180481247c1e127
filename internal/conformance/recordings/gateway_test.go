package recordings

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// gatewayChecks are about what stands before all operations: tokens, the front's own answers, documents at S3, the consent page.
func gatewayChecks() []check {
	return []check{
		{rows: []int{2}, run: checkRefreshToken},
		{rows: []int{3}, run: checkGrantlessToken},
		{rows: []int{4}, run: checkUnsupportedGrant},
		{rows: []int{5}, run: checkStaleCode},
		{rows: []int{6, 191}, run: checkUnknownRefreshToken},
		{rows: []int{7}, run: checkMalformedTokenRequest},
		{rows: []int{8, 192}, run: checkClientRefused},
		{rows: []int{214}, run: checkScopeMissing},
		{rows: []int{9}, run: checkPing},
		{rows: []int{10}, run: checkPostToRoot},
		{rows: []int{13}, run: checkFeedUpload},
		{rows: []int{123, 124}, run: checkFeedUploadRefused},
		{rows: []int{17}, run: checkProcessingReport},
		{rows: []int{151, 152}, run: checkReportDownload},
		{rows: []int{158}, run: checkKioskDownload},
		{rows: []int{34}, run: checkProductTypeSchema},
		{rows: []int{66}, run: checkWebsiteUnavailable},
		{rows: []int{67}, run: checkRestrictedResourceRefused},
		{rows: []int{68}, run: checkNoRestrictedResources},
		{rows: []int{69}, run: checkDataElementRefused},
		{rows: []int{70}, run: checkRestrictedTokenMalformed},
		{rows: []int{71, 241}, run: checkRestrictedToken},
		{rows: []int{72}, run: checkRestrictedTokenEmptyMembers},
		{rows: []int{73}, run: checkDestinationMalformed},
		{rows: []int{74}, run: checkDestinationConflict},
		{rows: []int{76}, run: checkGrantlessSubscription},
		{rows: []int{130}, run: checkUnknownNotificationType},
		{rows: []int{87}, run: checkConsentMD1000},
		{rows: []int{88, 89, 90}, run: checkConsentErrors},
		{rows: []int{149}, run: checkSessionTokenInvalid},
		{rows: []int{150}, run: checkAssumeRoleRefused},
		{rows: []int{159, 160}, run: checkDeniedByGateway},
		{rows: []int{165}, run: checkNoContent},
		{rows: []int{176, 177, 178}, run: checkUploadDestination},
		{rows: []int{183, 184}, run: checkUnreadable},
	}
}

// askLogin asks Login with Amazon; the application's credentials are there unless the form has others.
func (s *service) askLogin(form url.Values) *reply {
	s.Helper()
	for name, value := range map[string]string{"client_id": s.creds.ClientID, "client_secret": s.creds.ClientSecret} {
		if !form.Has(name) {
			form.Set(name, value)
		}
	}
	return s.do("POST", "https://api.amazon.com/auth/o2/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "x-amz-access-token", "").wantLoginHeaders()
}

// wantLoginHeaders wants what every answer of the token endpoint has. Vary is that of October 2026; in 2024 it was the gateway's.
func (r *reply) wantLoginHeaders() *reply {
	r.Helper()
	r.wantHeader("Content-Type", "application/json;charset=UTF-8").wantHeader("Server", "Server").wantHeader("Vary", "User-Agent,Accept-Encoding").
		wantHeader("Cache-Control", "no-cache, no-store, must-revalidate").wantHeader("Pragma", "no-cache").
		wantHeader("Strict-Transport-Security", "max-age=47474747; includeSubDomains; preload").wantHeader("X-Amz-Date", r.header.Get("Date")).
		wantMatch("X-Amz-Rid", `^[0-9A-Z]{20}$`).wantMatch("X-Amzn-Requestid", uuid).wantHeader("X-Amz-Apigw-Id", "").wantHeader("X-Amzn-Trace-Id", "")
	return r
}

const uuid = `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`

// wantMatch wants a header to match a pattern.
func (r *reply) wantMatch(name, pattern string) *reply {
	r.Helper()
	if !regexp.MustCompile(pattern).MatchString(r.header.Get(name)) {
		r.Errorf("%s: %s: %q, want %s", r.request, name, r.header.Values(name), pattern)
	}
	return r
}

// wantMembers wants the members of an object in their order.
func (r *reply) wantMembers(path string, names ...string) *reply {
	r.Helper()
	if got := r.names(path); !slices.Equal(got, names) {
		r.Errorf("%s: members %q at %q, want %q", r.request, got, path, names)
	}
	return r
}

// wantGateway wants the headers that every answer of SP-API in production has, and the errors over lines without an end of line after the last.
func (r *reply) wantGateway() *reply {
	r.Helper()
	id := r.header.Get("X-Amzn-Requestid")
	r.wantMatch("X-Amzn-Requestid", uuid)
	short := strings.ReplaceAll(id, "-", "")
	r.wantHeader("Server", "Server").wantMatch("X-Amz-Rid", `^[0-9A-Z]{20}$`).wantHeader("X-Amz-Apigw-Id", "OPF"+short[:12]).
		wantMatch("X-Amzn-Trace-Id", "^Root=1-[0-9a-f]{8}-"+short[:16]+"$").wantHeader("Strict-Transport-Security", "max-age=47474747; includeSubDomains; preload")
	switch vary := "Content-Type,Accept-Encoding,User-Agent"; {
	case len(r.body) < 1000: // from where on it changes nobody knows
		r.wantHeader("Vary", vary)
	case len(r.body) >= 2329:
		r.wantHeader("Vary", "accept-encoding,"+vary)
	}
	if r.status >= 400 {
		var lines bytes.Buffer
		if json.Indent(&lines, bytes.TrimSpace(r.body), "", "  ") == nil && !bytes.Equal(lines.Bytes(), r.body) {
			r.Errorf("%s: the error is not over lines: %q", r.request, r.body)
		}
	}
	return r
}

func checkRefreshToken(t *testing.T) {
	s := open(t)
	r := s.askLogin(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
	r.want(200).wantMembers("", "access_token", "refresh_token", "token_type", "expires_in").wantHeader("X-Amzn-Errortype", "")
	if r.value("token_type") != "bearer" || r.value("expires_in") != 3600.0 || r.value("refresh_token") != s.creds.RefreshToken {
		t.Errorf("%s", r.body)
	}
}

func checkGrantlessToken(t *testing.T) {
	r := open(t).askLogin(url.Values{"grant_type": {"client_credentials"}, "scope": {"sellingpartnerapi::notifications"}})
	r.want(200).wantMembers("", "access_token", "scope", "token_type", "expires_in")
	if r.value("scope") != "sellingpartnerapi::notifications" {
		t.Errorf("%s", r.body)
	}
}

// wantLoginError wants an error of the token endpoint, to the letter, with error_index before it and request_id behind.
func (r *reply) wantLoginError(status int, code, description, kind string) {
	r.Helper()
	r.want(status).wantMembers("", "error_index", "error_description", "error", "request_id")
	if kind != "" {
		r.wantHeader("X-Amzn-Errortype", kind+":http://internal.amazon.com/coral/com.amazon.panda/")
	}
	if r.value("error") != code || r.value("error_description") != description || r.value("request_id") != r.header.Get("X-Amzn-Requestid") ||
		!regexp.MustCompile(`^[\w-]{240,270}$`).MatchString(r.text("error_index")) {
		r.Errorf("%s: %s", r.request, r.body)
	}
}

func checkUnsupportedGrant(t *testing.T) {
	s := open(t)
	for _, form := range []url.Values{{"grant_type": {"password"}}, {"refresh_token": {s.creds.RefreshToken}}} {
		s.askLogin(form).wantLoginError(400, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server", "OA2UnsupportedGrantTypeException")
	}
}

func checkStaleCode(t *testing.T) {
	s := open(t)
	code := s.emu.AuthorizationCode(s.creds.RefreshToken, "https://app.example.com")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://app.example.com"}}
	s.askLogin(form).want(200)
	s.askLogin(form).wantLoginError(400, "invalid_grant", "The request has an invalid grant parameter : code", "")
}

func checkUnknownRefreshToken(t *testing.T) {
	s := open(t)
	r := s.askLogin(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"Atzr|IwEBIxxx"}})
	r.wantLoginError(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission.", "OA2InvalidRequestException")
	r.wantHeader("Content-Length", "494")
	s.emu.RevokeRefreshToken(s.creds.RefreshToken)
	r = s.askLogin(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
	r.wantLoginError(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission.", "OA2InvalidRequestException")
}

func checkMalformedTokenRequest(t *testing.T) {
	s := open(t)
	for _, request := range [][2]string{{"application/json", "grant_type=refresh_token"}, {"application/x-www-form-urlencoded", "grant_type=refresh_token&grant_type=refresh_token"},
		{"application/x-www-form-urlencoded", ""}} {
		r := s.do("POST", "https://api.amazon.com/auth/o2/token", request[1], "Content-Type", request[0], "x-amz-access-token", "")
		r.wantLoginHeaders().wantLoginError(400, "invalid_request", "Malformed request", "")
	}
}

func checkClientRefused(t *testing.T) {
	s := open(t)
	for name, value := range map[string]string{"client_secret": "x", "client_id": s.creds.ApplicationID} {
		r := s.askLogin(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}, name: {value}})
		r.want(401).wantHeader("X-Amzn-Errortype", "OA2InvalidClientException:http://internal.amazon.com/coral/com.amazon.panda/").wantHeader("Content-Length", "77")
		if want := `{"error_description":"Client authentication failed","error":"invalid_client"}`; string(r.body) != want {
			t.Errorf("%s: %s, want %s", name, r.body, want)
		}
	}
}

func checkScopeMissing(t *testing.T) {
	r := open(t).askLogin(url.Values{"grant_type": {"client_credentials"}}).want(400)
	if r.value("error") != "invalid_request" || !strings.Contains(r.text("error_description"), "missing a required parameter : scope") {
		t.Errorf("%s", r.body)
	}
}

func checkPing(t *testing.T) {
	s := open(t)
	r := s.do("GET", "/", "", "x-amz-access-token", "").want(200).wantHeader("Content-Type", "application/json").wantMembers("", "timestamp").wantHeader("Server", "Server").
		wantHeader("Vary", "Content-Type,Accept-Encoding,User-Agent").wantMatch("X-Amz-Rid", `^[0-9A-Z]{20}$`).wantMatch("X-Amzn-Trace-Id", "^Root=1-").
		wantHeader("X-Amzn-Requestid", "").wantHeader("X-Amz-Apigw-Id", "").wantHeader("Strict-Transport-Security", "max-age=47474747; includeSubDomains; preload")
	if !regexp.MustCompile(`^\{"timestamp": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\}$`).Match(r.body) {
		t.Errorf("%s", r.body)
	}
}

func checkPostToRoot(t *testing.T) {
	s := open(t)
	s.do("POST", "/", "", "x-amz-access-token", "").wantGateway().wantError(403, "code", "Unauthorized", "message", "Access to requested resource is denied.", "details", "")
}

// feedDocument makes a place for a feed's content and returns its id and URL.
func (s *service) feedDocument(contentType string) (id, target string) {
	s.Helper()
	r := s.do("POST", "/feeds/2021-06-30/documents", `{"contentType":"`+contentType+`"}`).want(201)
	return r.text("feedDocumentId"), r.text("url")
}

// s3 asks S3, with a content type where there is a body.
func (s *service) s3(method, target, body string, headers ...string) *reply {
	s.Helper()
	r := s.do(method, target, body, append([]string{"x-amz-access-token", ""}, headers...)...)
	r.wantHeader("Server", "AmazonS3").wantMatch("X-Amz-Request-Id", `^[0-9A-Z]{16}$`).wantMatch("X-Amz-Id-2", `^[\w+/]{70,}=*$`).wantHeader("X-Amzn-Requestid", "").wantHeader("X-Amz-Apigw-Id", "")
	if r.status < 300 && !strings.Contains(target, "definitions") {
		r.wantHeader("X-Amz-Server-Side-Encryption", "aws:kms").wantMatch("X-Amz-Version-Id", `^[\w.-]{32}$`).
			wantMatch("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", `^arn:aws:kms:us-east-1:\d{12}:key/`+uuid[1:]).wantHeader("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true").
			wantMatch("Etag", `^"[0-9a-f]{32}"$`)
	}
	if r.status >= 400 {
		r.wantHeader("Content-Type", "application/xml")
		if members := r.xmlMembers(); members[len(members)-2][1] != r.header.Get("X-Amz-Request-Id") || members[len(members)-1][1] != r.header.Get("X-Amz-Id-2") {
			r.Errorf("%s: %q", r.request, members)
		}
	}
	return r
}

// xmlMembers are the members of an XML error with their values.
func (r *reply) xmlMembers() (members [][2]string) {
	r.Helper()
	d := xml.NewDecoder(bytes.NewReader(r.body))
	name := ""
	for {
		token, err := d.Token()
		if err == io.EOF {
			return members
		}
		if err != nil {
			r.Fatalf("%s: %v in %s", r.request, err, r.body)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
		case xml.CharData:
			if name != "" && name != "Error" {
				members = append(members, [2]string{name, string(token)})
				name = ""
			}
		}
	}
}

// wantXML wants the members of S3's error in their order, each with a value, or with any where it is "*".
func (r *reply) wantXML(status int, pairs ...string) map[string]string {
	r.Helper()
	r.want(status)
	got, byName := r.xmlMembers(), map[string]string{}
	pairs = append(pairs, "RequestId", "*", "HostId", "*")
	if len(got) != len(pairs)/2 {
		r.Errorf("%s: members %q, want %q", r.request, got, pairs)
		return byName
	}
	for i, m := range got {
		byName[m[0]] = m[1]
		if m[0] != pairs[2*i] || pairs[2*i+1] != "*" && m[1] != pairs[2*i+1] {
			r.Errorf("%s: member %q, want %q", r.request, m, pairs[2*i:2*i+2])
		}
	}
	return byName
}

func checkFeedUpload(t *testing.T) {
	s := open(t)
	_, target := s.feedDocument("application/json; charset=UTF-8")
	r := s.s3("PUT", target, `{"header":{}}`, "Content-Type", "application/json; charset=UTF-8").want(200).wantHeader("Content-Length", "0")
	if sum := md5.Sum([]byte(`{"header":{}}`)); r.header.Get("Etag") != `"`+hex.EncodeToString(sum[:])+`"` || len(r.body) != 0 {
		t.Errorf("%v %q", r.header, r.body)
	}
}

func checkFeedUploadRefused(t *testing.T) {
	s := open(t)
	_, target := s.feedDocument("text/xml; charset=UTF-8")
	for _, request := range [][2]string{{"PUT", "text/plain"}, {"POST", "text/xml; charset=UTF-8"}} {
		r := s.s3(request[0], target, "<x/>", "Content-Type", request[1])
		members := r.wantXML(403, "Code", "SignatureDoesNotMatch", "Message", "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
			"AWSAccessKeyId", "*", "StringToSign", "*", "SignatureProvided", "*", "StringToSignBytes", "*", "CanonicalRequest", "*", "CanonicalRequestBytes", "*")
		lines := strings.Split(members["CanonicalRequest"], "\n")
		if lines[0] != request[0] || lines[len(lines)-1] != "UNSIGNED-PAYLOAD" || lines[len(lines)-2] != "content-type;host" || !slices.Contains(lines, "content-type:"+request[1]) {
			t.Errorf("canonical request %q", lines)
		}
		if !strings.HasPrefix(members["StringToSign"], "AWS4-HMAC-SHA256\n") || !strings.HasPrefix(members["StringToSignBytes"], "41 57 53 34 2d 48 4d 41 43") {
			t.Errorf("%q", members)
		}
	}
}

func checkProcessingReport(t *testing.T) {
	s := open(t, emulator.WithFixedTime(time.Time{}))
	id, target := s.feedDocument("application/json; charset=UTF-8")
	feed := `{"header":{"sellerId":"` + s.creds.SellerID + `","version":"2.0","issueLocale":"en_US"},"messages":[{"messageId":1,"sku":"ROW-17","operationType":"PATCH","productType":"PRODUCT",` +
		`"patches":[{"op":"replace","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":1}]}]}]}`
	sku := s.do("GET", "/listings/2021-08-01/items/"+s.creds.SellerID+"?marketplaceIds=ATVPDKIKX0DER", "").want(200).text("items.0.sku")
	s.s3("PUT", target, strings.Replace(feed, "ROW-17", sku, 1), "Content-Type", "application/json; charset=UTF-8").want(200)
	feedID := s.do("POST", "/feeds/2021-06-30/feeds", `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":["ATVPDKIKX0DER"],"inputFeedDocumentId":"`+id+`"}`).want(202).text("feedId")
	s.emu.Advance(3 * time.Hour)
	s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
	result := s.do("GET", "/feeds/2021-06-30/feeds/"+feedID, "").want(200).text("resultFeedDocumentId")
	r := s.s3("GET", s.do("GET", "/feeds/2021-06-30/documents/"+result, "").want(200).text("url"), "").want(200)
	r.wantMatch("Content-Type", "^application/json").wantHeader("Content-Encoding", "").wantHeader("Accept-Ranges", "bytes").wantMatch("Last-Modified", "GMT$")
	zip, err := gzip.NewReader(bytes.NewReader(r.body))
	if err != nil {
		t.Fatalf("the report is not compressed: %v: %q", err, r.body)
	}
	if r.body, err = io.ReadAll(zip); err != nil {
		t.Fatal(err)
	}
	r.wantMembers("", "header", "issues", "summary").wantMembers("header", "sellerId", "version", "feedId").
		wantMembers("summary", "errors", "warnings", "messagesProcessed", "messagesAccepted", "messagesInvalid")
	if r.value("header.version") != "2.0" || r.value("summary.messagesAccepted") != 1.0 || r.value("summary.errors") != 0.0 {
		t.Errorf("%s", r.body)
	}
}

// reportDocument makes a report and returns the answer about its document.
func (s *service) reportDocument(kind string) *reply {
	s.Helper()
	now := s.emu.Now()
	id := s.do("POST", "/reports/2021-06-30/reports", `{"reportType":"`+kind+`","marketplaceIds":["ATVPDKIKX0DER"],"dataStartTime":"`+now.AddDate(0, 0, -20).Format(time.RFC3339)+
		`","dataEndTime":"`+now.Add(-time.Hour).Format(time.RFC3339)+`"}`).want(202).text("reportId")
	s.emu.Advance(3 * time.Hour)
	s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
	document := s.do("GET", "/reports/2021-06-30/reports/"+id, "").want(200).text("reportDocumentId")
	return s.do("GET", "/reports/2021-06-30/documents/"+document, "").want(200)
}

func checkReportDownload(t *testing.T) {
	s := open(t, emulator.WithFixedTime(time.Time{}))
	document := s.reportDocument("GET_MERCHANT_LISTINGS_ALL_DATA")
	if document.value("compressionAlgorithm") != "GZIP" {
		t.Fatalf("%s", document.body)
	}
	target := document.text("url")
	if !strings.HasPrefix(target, "https://tortuga-prod-na.s3-external-1.amazonaws.com/") {
		t.Errorf("url %s", target)
	}
	r := s.s3("GET", target, "", "Accept-Encoding", "gzip").want(200).wantHeader("Content-Type", "text/plain; charset=Cp1252").wantHeader("Content-Encoding", "identity").
		wantHeader("Accept-Ranges", "bytes").wantMatch("Last-Modified", "GMT$")
	if !bytes.HasPrefix(r.body, []byte{0x1f, 0x8b}) {
		t.Errorf("the body begins with %q, want gzip", r.body[:2])
	}
	expires := s.emu.Now().Add(5 * time.Minute).UTC().Format(time.RFC3339)
	s.emu.Advance(5*time.Minute - time.Second)
	s.s3("GET", target, "").want(200)
	s.emu.Advance(time.Second)
	s.s3("GET", target, "").wantXML(403, "Code", "AccessDenied", "Message", "Request has expired", "X-Amz-Expires", "300", "Expires", expires, "ServerTime", s.emu.Now().UTC().Format(time.RFC3339))
}

func checkKioskDownload(t *testing.T) {
	s := open(t, emulator.WithFixedTime(time.Time{}))
	lines := s.kioskLines(`query { analytics_salesAndTraffic_2024_04_24 { salesAndTrafficByDate(startDate: \"2025-12-01\", endDate: \"2025-12-28\", ` +
		`marketplaceIds: [\"ATVPDKIKX0DER\"], aggregateBy: WEEK) { startDate endDate } } }`)
	if first := lines[0]["startDate"]; first != "2025-11-30" {
		t.Errorf("sales and traffic: the first week begins on %v, want the Sunday before the start", first)
	}
	lines = s.kioskLines(`query { analytics_economics_2024_03_15 { economics(startDate: \"2025-12-01\", endDate: \"2025-12-28\", marketplaceIds: [\"ATVPDKIKX0DER\"], ` +
		`aggregateBy: {date: WEEK, productId: MSKU}) { startDate endDate msku fnsku cost { costOfGoodsSold { amount } } sales { orderedProductSales { amount } } } } }`)
	first, nulls := "9", 0
	for _, row := range lines {
		start, _ := row["startDate"].(string)
		first = min(first, start)
		if day, err := time.Parse(time.DateOnly, start); err != nil || day.Weekday() != time.Sunday {
			t.Fatalf("a week begins on %s", start)
		}
		cost, _ := row["cost"].(map[string]any)
		if goods, there := cost["costOfGoodsSold"]; there && goods == nil {
			nulls++
		}
	}
	if first != "2025-12-07" || nulls == 0 {
		t.Errorf("economics: the first week begins on %s, want the Sunday after the start; %d members are null", first, nulls)
	}
}

// kioskLines has a query carried out and returns the rows of its document.
func (s *service) kioskLines(query string) (rows []map[string]any) {
	s.Helper()
	id := s.do("POST", "/dataKiosk/2023-11-15/queries", `{"query":"`+query+`"}`).want(202).text("queryId")
	s.emu.Advance(6 * time.Hour)
	s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
	document := s.do("GET", "/dataKiosk/2023-11-15/queries/"+id, "").want(200).text("dataDocumentId")
	target := s.do("GET", "/dataKiosk/2023-11-15/documents/"+document, "").want(200).text("documentUrl")
	r := s.s3("GET", target, "").want(200).wantHeader("Content-Type", "application/jsonlines; charset=UTF-8").wantHeader("Content-Encoding", "").wantHeader("Accept-Ranges", "bytes").
		wantMatch("Last-Modified", "GMT$")
	for line := range bytes.Lines(r.body) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			s.Fatalf("%v: %q", err, line)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		s.Fatalf("no rows: %q", r.body)
	}
	return rows
}

func checkProductTypeSchema(t *testing.T) {
	s := open(t)
	answer := s.do("GET", "/definitions/2020-09-01/productTypes/PEN?marketplaceIds=ATVPDKIKX0DER", "")
	if answer.status == 404 {
		name := s.do("GET", "/definitions/2020-09-01/productTypes?marketplaceIds=ATVPDKIKX0DER", "").want(200).text("productTypes.0.name")
		answer = s.do("GET", "/definitions/2020-09-01/productTypes/"+name+"?marketplaceIds=ATVPDKIKX0DER", "")
	}
	r := s.s3("GET", answer.want(200).text("schema.link.resource"), "").want(200)
	r.wantHeader("Content-Type", "application/schema+json").wantHeader("X-Amz-Server-Side-Encryption", "AES256").wantHeader("Accept-Ranges", "bytes").
		wantMatch("X-Amz-Expiration", `^expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="Schema Expiration - 90 Days"$`)
	if r.value("$schema") != "https://schemas.amazon.com/selling-partners/definitions/product-types/meta-schema/v1" {
		t.Errorf("$schema: %v", r.value("$schema"))
	}
	if r.value("$defs.marketplace_id.anyOf.0.type") != "string" || r.value("$defs.marketplace_id.anyOf.1.enum") == nil || r.value("$defs.marketplace_id.anyOf.1.enumNames") == nil {
		t.Errorf("marketplace_id: %v", r.value("$defs.marketplace_id"))
	}
}

// fault lets the next request to an operation go wrong.
func (s *service) fault(kind emulator.FaultKind, operation string) {
	s.Helper()
	if _, err := s.emu.AddFault(emulator.Fault{Kind: kind, Operation: operation, Limit: 1}); err != nil {
		s.Fatal(err)
	}
}

const participations = "/sellers/v1/marketplaceParticipations"

func checkWebsiteUnavailable(t *testing.T) {
	s := open(t)
	s.fault(emulator.FaultHTML, "sellersv1.*")
	r := s.do("GET", participations, "").want(503).wantHeader("Content-Type", "text/html; charset=iso-8859-1")
	if !bytes.HasPrefix(r.body, []byte(`<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0`)) || !bytes.Contains(r.body, []byte("<title>Website Temporarily Unavailable</title>")) {
		t.Errorf("%s", r.body)
	}
}

// withLimits starts an emulator that has its limits, and tells the plans' rates.
func withLimits(t *testing.T) *service {
	t.Helper()
	emu, err := emulator.New(emulator.WithSeed(1))
	if err != nil {
		t.Fatal(err)
	}
	s := &service{T: t, emu: emu, creds: emu.Credentials(), host: northAmerica}
	s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
	return s
}

const restrictedTokens = "/tokens/2021-03-01/restrictedDataToken"

// checkRestrictedResourceRefused leaves out documents of reports, of which later reports have another text (jlevers/selling-partner-api#662, March 2024).
func checkRestrictedResourceRefused(t *testing.T) {
	s := withLimits(t)
	for _, path := range []string{"/listings/2021-08-01/items/A1/SKU", participations} {
		s.do("POST", restrictedTokens, `{"restrictedResources":[{"method":"GET","path":"`+path+`"}]}`).wantGateway().wantHeader("Content-Type", "application/json").
			wantHeader("X-Amzn-Errortype", "").wantHeader("X-Amzn-Ratelimit-Limit", "1.0").wantError(400, "code", "InvalidInput", "message", "Application do not have access to some or all requested resource", "details", "")
	}
}

func checkNoRestrictedResources(t *testing.T) {
	s := open(t)
	r := s.do("POST", restrictedTokens, `{"restrictedResources":[]}`).want(400).wantHeader("Content-Type", "application/json")
	if r.value("errors.0.code") != "InvalidInput" || r.value("errors.0.message") != "Empty target resource arguement found" { //nolint:misspell // sic
		t.Errorf("%s", r.body)
	}
}

func checkDataElementRefused(t *testing.T) {
	s := open(t)
	s.emu.SetRoles("Inventory and Order Tracking")
	s.do("POST", restrictedTokens, `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders","dataElements":["buyerInfo"]}]}`).
		wantError(400, "code", "InvalidInput", "message", "Application does not have access to one or more requested data elements: [buyerInfo]", "details", "")
}

func checkRestrictedTokenMalformed(t *testing.T) {
	s := open(t)
	s.do("POST", restrictedTokens, `{"restrictedResources":[{"method":"GET"`).wantError(400, "code", "InvalidInput", "message", "Invalid Input", "details", "")
}

func checkRestrictedToken(t *testing.T) {
	s := withLimits(t)
	r := s.do("POST", restrictedTokens, `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders","dataElements":["buyerInfo"]}]}`)
	r.want(200).wantGateway().wantHeader("Content-Type", "application/json").wantHeader("X-Amzn-Ratelimit-Limit", "1.0").wantMembers("", "expiresIn", "restrictedDataToken").
		wantHeader("Content-Length", "2329").wantHeader("Vary", "accept-encoding,Content-Type,Accept-Encoding,User-Agent")
	if r.value("expiresIn") != 3600.0 || !strings.HasPrefix(r.text("restrictedDataToken"), "Atz.sprdt|") {
		t.Errorf("%s", r.body)
	}
}

func checkRestrictedTokenEmptyMembers(t *testing.T) {
	s := open(t)
	s.do("POST", restrictedTokens, `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders","dataElements":[]}],"targetApplication":null}`).want(200).
		wantHeader("Content-Type", "application/json")
}

// notifications makes the token grantless.
func (s *service) notifications() *service {
	s.token = s.accessToken(url.Values{"grant_type": {"client_credentials"}, "scope": {"sellingpartnerapi::notifications"}})
	return s
}

func checkDestinationMalformed(t *testing.T) {
	s := open(t).notifications()
	s.do("POST", "/notifications/v1/destinations", "name=x", "Content-Type", "application/x-www-form-urlencoded").
		wantError(400, "code", "InvalidInput", "message", "Invalid Input", "details", "")
}

func checkDestinationConflict(t *testing.T) {
	s := open(t).notifications()
	body := `{"name":"q","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:123456789012:q"}}}`
	s.do("POST", "/notifications/v1/destinations", body).want(200)
	r := s.do("POST", "/notifications/v1/destinations", body).want(409).wantHeader("Content-Type", "application/json")
	if !strings.HasPrefix(r.text("errors.0.message"), "The requested resource conflict with a resource") {
		t.Errorf("%s", r.body)
	}
}

func checkGrantlessSubscription(t *testing.T) {
	s := open(t).notifications()
	for method, body := range map[string]string{"GET": "", "POST": `{"payloadVersion":"1.0","destinationId":"x"}`} {
		s.do(method, "/notifications/v1/subscriptions/ORDER_CHANGE", body).wantGateway().
			wantError(403, "code", "Unauthorized", "message", "Access to requested resource is denied.", "details", "")
	}
}

func checkUnknownNotificationType(t *testing.T) {
	r := open(t).do("GET", "/notifications/v1/subscriptions/NO_SUCH_TYPE", "").want(400).wantHeader("Content-Type", "application/json")
	if r.value("errors.0.message") != "Invalid value NO_SUCH_TYPE for path parameter notificationType" {
		t.Errorf("%s", r.body)
	}
}

// consentText is a consent page as a browser shows it.
func (s *service) consentText(query url.Values) string {
	s.Helper()
	r := s.do("GET", "https://sellercentral.amazon.com/apps/authorize/consent?"+query.Encode(), "", "x-amz-access-token", "").wantMatch("Content-Type", "^text/html").wantHeader("Location", "")
	text := regexp.MustCompile(`(?s)<head>.*</head>|<[^>]*>`).ReplaceAllString(string(r.body), "\n")
	return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return c == '\n' }), " / ")
}

func wantConsentError(t *testing.T, shown, application, code string) {
	t.Helper()
	want := "Something went wrong / We are sorry but we encountered an error while processing your request. / " +
		"Please contact Selling Partner Support and provide them with the following information: / App ID: " + application + " / Error Code: " + code
	if !strings.Contains(shown, want) {
		t.Errorf("the page shows %q, want %q", shown, want)
	}
}

func checkConsentMD1000(t *testing.T) {
	s := open(t)
	for _, id := range []string{"amzn1.sp.solution.00000000-0000-0000-0000-000000000000", s.creds.ClientID} {
		wantConsentError(t, s.consentText(url.Values{"application_id": {id}, "state": {"x"}}), id, "MD1000")
	}
	s.emu.SetApplicationStatus(emulator.ApplicationDraft)
	wantConsentError(t, s.consentText(url.Values{"application_id": {s.creds.ApplicationID}, "state": {"x"}}), s.creds.ApplicationID, "MD1000")
}

// Of what leads to these pages people tell different things; the emulator shows them when asked to.
func checkConsentErrors(t *testing.T) {
	s := open(t)
	for _, code := range []string{"MD5100", "MD4100", "MD9999"} {
		shown := s.consentText(url.Values{"application_id": {s.creds.ApplicationID}, "state": {"x"}, "emulator_consent": {code}})
		wantConsentError(t, shown, s.creds.ApplicationID, code)
	}
}

// signed are headers of a request that is signed, though with a key that nobody has.
func signed(service string, headers ...string) []string {
	return append([]string{"Authorization", "AWS4-HMAC-SHA256 Credential=AKIAXXXXXXXXXXXXXXXX/20260115/us-east-1/" + service + "/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
		"X-Amz-Date", "20260115T120000Z"}, headers...)
}

func checkSessionTokenInvalid(t *testing.T) {
	s := open(t, emulator.WithRequireSigV4(), emulator.WithFixedTime(time.Time{}))
	s.do("GET", participations, "", signed("execute-api", "X-Amz-Security-Token", "x")...).wantHeader("Content-Type", "application/json").
		wantError(403, "message", "The security token included in the request is invalid.", "code", "InvalidInput")
}

func checkAssumeRoleRefused(t *testing.T) {
	s := open(t, emulator.WithFixedTime(time.Time{}))
	r := s.do("GET", "https://sts.amazonaws.com/?Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=spapi", "", signed("sts", "x-amz-access-token", "")...)
	r.want(403).wantHeader("Content-Type", "text/xml")
	want := `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>` +
		`<Message>The security token included in the request is invalid.</Message></Error>`
	if got := regexp.MustCompile(`>\s+<`).ReplaceAllString(string(r.body), "><"); !strings.HasPrefix(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
}

func checkDeniedByGateway(t *testing.T) {
	s := open(t)
	s.emu.SetRoles("Product Listing")
	for _, request := range [][2]string{
		{"/appIntegrations/2024-04-01/notifications", `{"templateId":"PRICE_CHANGE","marketplaceId":"ATVPDKIKX0DER","notificationParameters":{}}`},
		{"/applications/2023-11-30/clientSecret", ""},
	} {
		s.do("POST", request[0], request[1]).wantGateway().wantHeader("Content-Type", "application/json").wantHeader("X-Amzn-Ratelimit-Limit", "").
			wantHeader("X-Amzn-Errortype", "AccessDeniedException").wantHeader("Content-Length", "143").
			wantError(403, "code", "Unauthorized", "message", "Access to requested resource is denied.", "details", "")
	}
}

func checkNoContent(t *testing.T) {
	s := withLimits(t)
	s.host = "https://sandbox.sellingpartnerapi-na.amazon.com"
	r := s.do("PUT", "/supplySources/2020-07-01/supplySources/x/status", `{"status":"Active"}`)
	r.want(204).wantHeader("Content-Type", "application/json").wantHeader("Content-Length", "").wantHeader("X-Amzn-Ratelimit-Limit", "5.0")
	if len(r.body) != 0 {
		t.Errorf("%q", r.body)
	}
}

func checkUploadDestination(t *testing.T) {
	s := open(t)
	file := "invoice"
	sum := md5.Sum([]byte(file))
	hash := hex.EncodeToString(sum[:])
	r := s.do("POST", "/uploads/2020-11-01/uploadDestinations/messaging/v1/orders/111-1111111-1111111/messages/invoice?marketplaceIds=ATVPDKIKX0DER&contentMD5="+hash, "")
	r.want(201).wantHeader("Content-Type", "application/json").wantMembers("payload", "uploadDestinationId", "url", "headers").wantMembers("payload.headers", "x-amz-server-side-encryption", "Content-MD5")
	if r.value("payload.headers.x-amz-server-side-encryption") != "aws:kms" || r.value("payload.headers.Content-MD5") != hash {
		t.Errorf("%s", r.body)
	}
	target, err := url.Parse(r.text("payload.url"))
	if err != nil {
		t.Fatal(err)
	}
	if q := target.Query(); q.Get("X-Amz-Expires") != "900" || q.Get("X-Amz-SignedHeaders") != "content-md5;host;x-amz-server-side-encryption" {
		t.Errorf("%s", target)
	}
	headers := []string{"x-amz-server-side-encryption", "aws:kms", "Content-MD5", hash}
	s.s3(http.MethodPost, target.String(), file, headers...).wantXML(405, "Code", "MethodNotAllowed", "Message", "The specified method is not allowed against this resource.", "Method", "POST", "ResourceType", "OBJECT")
	s.s3(http.MethodPut, target.String(), file, headers...).wantXML(400, "Code", "InvalidDigest", "Message", "The Content-MD5 you specified was invalid.", "Content-MD5", hash)
}

func checkUnreadable(t *testing.T) {
	s := open(t)
	r := s.do("POST", restrictedTokens, `{"restrictedResources":[]}`, "x-amz-access-token", "Atz.sprdt|"+strings.Repeat("x", 9000))
	r.want(400).wantHeader("Content-Type", "application/json").wantHeader("Content-Length", "278").wantMatch("X-Amzn-Requestid", uuid).wantMatch("X-Amz-Apigw-Id", ".").wantMatch("X-Amzn-Trace-Id", "^Root=1-")
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(r.body), "")
	if !strings.Contains(strings.Join(strings.Fields(text), " "), "Your browser sent a request that this server could not understand. Size of a request header field exceeds server limit.") {
		t.Errorf("%s", r.body)
	}
	for _, test := range [][]string{{"/orders/v0/orders?MarketplaceIds=a b"}, {participations, "x-amz-content-sha256", "e3b0c4\u0001"}} {
		req, err := http.NewRequest("GET", s.host+participations, nil)
		if err != nil {
			t.Fatal(err)
		}
		path, query, _ := strings.Cut(test[0], "?")
		req.URL.Path, req.URL.RawQuery = path, query
		req.Header.Set("x-amz-access-token", s.token)
		if len(test) > 1 {
			req.Header.Set(test[1], test[2])
		}
		resp, err := s.emu.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if want := `<!DOCTYPE html><html><head><title>x</title></head><body></body></html>`; resp.StatusCode != 400 || string(body) != want || resp.Header.Get("Content-Type") != "text/html" {
			t.Errorf("%q: %d %v %s", test, resp.StatusCode, resp.Header, body)
		}
	}
}
