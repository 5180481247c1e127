package recordings

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
)

const northAmerica = "https://sellingpartnerapi-na.amazon.com"

// service is the emulator as a client meets it: by Amazon's own addresses.
type service struct {
	*testing.T
	emu   *emulator.Emulator
	creds emulator.Credentials
	host  string // of targets that are paths
	token string // an access token of the first seller
}

// open starts an emulator; without limits unless opts say otherwise.
func open(t *testing.T, opts ...emulator.Option) *service {
	t.Helper()
	emu, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithoutLimits()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{T: t, emu: emu, creds: emu.Credentials(), host: northAmerica}
	s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
	return s
}

// accessToken asks Login with Amazon for one; the application's credentials are added to form.
func (s *service) accessToken(form url.Values) string {
	s.Helper()
	form.Set("client_id", s.creds.ClientID)
	form.Set("client_secret", s.creds.ClientSecret)
	r := s.do("POST", "https://api.amazon.com/auth/o2/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "x-amz-access-token", "")
	r.want(http.StatusOK)
	return r.text("access_token")
}

// do sends a request: target is a URL, or a path with its query at the service's host. Headers are pairs of name and value; "" takes one away.
// The access token is there without being named, and for a body that begins with a brace the content type of JSON.
func (s *service) do(method, target, body string, headers ...string) *reply {
	s.Helper()
	if strings.HasPrefix(target, "/") {
		target = s.host + target
	}
	req, err := http.NewRequestWithContext(s.Context(), method, target, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if body == "" {
		req.Body = http.NoBody
	}
	if s.token != "" {
		req.Header.Set("x-amz-access-token", s.token)
	}
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := s.emu.RoundTrip(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return &reply{T: s.T, request: method + " " + target, status: resp.StatusCode, header: resp.Header, body: b}
}

// reply is what came back.
type reply struct {
	*testing.T
	request string
	status  int
	header  http.Header
	body    []byte
}

// want wants a status, and shows the body if it's another one. What SP-API answers with success is of one type.
func (r *reply) want(status int) *reply {
	r.Helper()
	if r.status != status {
		r.Errorf("%s: status %d, want %d: %s", r.request, r.status, status, r.body)
	} else if status < 300 && strings.Contains(r.request, "sellingpartnerapi-") {
		r.wantHeader("Content-Type", "application/json")
	}
	return r
}

// wantHeader wants a header's value; "" wants the header absent.
func (r *reply) wantHeader(name, value string) *reply {
	r.Helper()
	if got := r.header.Values(name); value == "" && got != nil || value != "" && (len(got) != 1 || got[0] != value) {
		r.Errorf("%s: %s: %q, want %q", r.request, name, got, value)
	}
	return r
}

// wantError wants one error of SP-API in the body, to the letter: each member in pairs of name and value, in the order that was recorded. The value
// "null" is JSON's, and no other member may be there. The headers must be those of whoever refuses: the gateway names what it answers itself and tells no
// rate with it, a service behind it does neither (lineofflight/peddler, test/vcr_cassettes).
func (r *reply) wantError(status int, members ...string) *reply {
	r.Helper()
	r.want(status).wantHeader("Content-Type", "application/json").wantHeader("X-Amzn-Errortype", gatewayError(members))
	if status == http.StatusTooManyRequests || slices.Contains(members, denied) {
		r.wantHeader("X-Amzn-Ratelimit-Limit", "")
	} else if status >= 400 && status < 500 && status != http.StatusForbidden { // of 500 and of a service's 403 it isn't known
		r.wantMatch("X-Amzn-Ratelimit-Limit", `^\d+\.\d+$`)
	}
	var lines bytes.Buffer
	if status >= 400 && json.Indent(&lines, r.body, "", "  ") == nil && !bytes.Equal(lines.Bytes(), r.body) {
		r.Errorf("%s: the error is not over lines: %q", r.request, r.body)
	}
	var want bytes.Buffer
	want.WriteString(`{"errors":[{`)
	for i := 0; i+1 < len(members); i += 2 {
		if i > 0 {
			want.WriteByte(',')
		}
		name, _ := json.Marshal(members[i])
		value := []byte("null")
		if members[i+1] != "null" {
			value, _ = json.Marshal(members[i+1])
		}
		want.Write(name)
		want.WriteByte(':')
		want.Write(value)
	}
	want.WriteString(`}]}`)
	var got bytes.Buffer
	if err := json.Compact(&got, r.body); err != nil {
		r.Errorf("%s: body %q is no JSON: %v", r.request, r.body, err)
		return r
	}
	if !bytes.Equal(unescaped(got.Bytes()), unescaped(want.Bytes())) {
		r.Errorf("%s: body\n%s\nwant\n%s", r.request, got.Bytes(), want.Bytes())
	}
	return r
}

// gatewayError is what the gateway calls an error of its own, which tells by the message; "" is a service's.
func gatewayError(members []string) string {
	for i := 0; i+1 < len(members); i += 2 {
		switch message := members[i+1]; {
		case members[i] != "message":
		case message == denied, strings.HasPrefix(message, "The security token included in the request is "):
			return "AccessDeniedException"
		case message == "You exceeded your quota for the requested resource.":
			return "TooManyRequestsException"
		case strings.HasPrefix(message, "Missing or invalid request parameters: "): // selling-partner-api-models#772
			return "BadRequestException"
		}
	}
	return ""
}

// unescaped writes what encoding/json escapes for HTML as the character that it is: Amazon does now one, now the other.
func unescaped(b []byte) []byte {
	return []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u0027`, "'").Replace(string(b)))
}

// value returns a member of the body by its path, such as "payload.Orders.0.AmazonOrderId"; nil where there is none.
func (r *reply) value(path string) any {
	r.Helper()
	var v any
	if err := json.Unmarshal(r.body, &v); err != nil {
		r.Fatalf("%s: body %q is no JSON: %v", r.request, r.body, err)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			v = nil
			for i := range in {
				if name == string(rune('0'+i)) {
					v = in[i]
				}
			}
		default:
			return nil
		}
	}
	return v
}

// text is value for text; the test ends where there is none.
func (r *reply) text(path string) string {
	r.Helper()
	text, ok := r.value(path).(string)
	if !ok {
		r.Fatalf("%s: no text %q in %s", r.request, path, r.body)
	}
	return text
}

// names returns the names of an object's members in their order; path as for value, "" for the body itself.
func (r *reply) names(path string) []string {
	r.Helper()
	raw := json.RawMessage(r.body)
	for name := range strings.SplitSeq(path, ".") {
		if name == "" {
			break
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) == nil {
			raw = object[name]
			continue
		}
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
			r.Fatalf("%s: nothing at %q in %s", r.request, path, r.body)
		}
		raw = list[int(name[0]-'0')]
	}
	decoder, names := json.NewDecoder(bytes.NewReader(raw)), []string{}
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		r.Fatalf("%s: no object at %q in %s", r.request, path, r.body)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			r.Fatal(err)
		}
		names = append(names, name.(string))
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			r.Fatal(err)
		}
	}
	return names
}
