package answer

import (
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/exchange"
)

// MaxHeaderField is the longest header field, name and value, that the service's front takes. It is Apache's default, in whose words it refuses.
const MaxHeaderField = 8190

// Unreadable is the page with which SP-API's front refuses a request that it doesn't pass on; false if it passes it on.
func Unreadable(x *exchange.Exchange) (Reply, bool) {
	target := x.URL.RawPath + "?" + x.URL.RawQuery
	refused := func(c rune) bool { return c >= 0x7f || strings.ContainsRune("\"<>[\\]^`{|}", c) }
	switch {
	case tooLong(x.Header):
		return tooLongHeader().Because("header: a field is longer than " + strconv.Itoa(MaxHeaderField) + " bytes"), true
	case strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' }) || malformed(x.Header):
		// selling-partner-api-models#2590
		return page("text/html", `<!DOCTYPE html><html><head><title>x</title></head><body></body></html>`).Because(unreadable), true
	case strings.ContainsFunc(target, refused):
		// Tomcat's page: selling-partner-api-models#3970 (brackets), #4297 (a vertical bar).
		shown := x.URL.EscapedPath()
		if x.URL.RawQuery != "" {
			shown += "?" + x.URL.RawQuery
		}
		shown = strings.ReplaceAll(html.EscapeString(shown), "/", "&#47;")
		return page("text/html;charset=utf-8", `<!doctype html><html lang="en"><head><title>HTTP Status 400 – Bad Request</title></head>`+
			`<body><h1>HTTP Status 400 – Bad Request</h1>`+
			`<hr class="line" /><p><b>Type</b> Exception Report</p><p><b>Message</b> Invalid character found in the request target [`+shown+
			` ]. The valid characters are defined in RFC 7230 and RFC 3986</p></body></html>`).Because(unreadable), true
	}
	return Reply{}, false
}

const unreadable = "front: the request target has characters that must be percent-encoded, such as [ and ], or a header is malformed"

// tooLongHeader is the page about a header field that is longer than the front takes: HTML by the name of JSON (selling-partner-api-docs#2434, with
// the text in jlevers/selling-partner-api#332).
func tooLongHeader() Reply {
	return page("application/json", `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head>
<title>400 Bad Request</title>
</head><body>
<h1>Bad Request</h1>
<p>Your browser sent a request that this server could not understand.<br />
Size of a request header field exceeds server limit.</p>
</body></html>
`)
}

func page(contentType, text string) Reply {
	return Reply{Status: http.StatusBadRequest, ContentType: contentType, Body: []byte(text)}
}

// WebsiteUnavailable is the front's page of a 503 (selling-partner-api-models#4667).
func WebsiteUnavailable() Reply {
	return Reply{Status: http.StatusServiceUnavailable, ContentType: "text/html; charset=iso-8859-1", Body: []byte(
		`<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1" />
<title>Website Temporarily Unavailable</title>
</head>
<body>
<p>&nbsp;</p>
<center><img src="http://g-ecx.images-amazon.com/images/G/01/website/errors/503/generic.png" alt="website temporarily unavailable" width="500" height="300"></center>
</body>
</html>
`)}
}

// tooLong tells whether some header field is longer than the front takes.
func tooLong(h http.Header) bool {
	for name, values := range h {
		for _, v := range values {
			if len(name)+len(": ")+len(v) > MaxHeaderField {
				return true
			}
		}
	}
	return false
}

// malformed tells whether some header field isn't one by RFC 7230. Over a connection none such gets here.
func malformed(h http.Header) bool {
	for name, values := range h {
		for _, v := range values {
			if name == "" || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return true
			}
		}
	}
	return false
}
