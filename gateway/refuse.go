package gateway

import (
	"encoding/json"
	"net/http"
	"time"
)

// refusal is an answer that the gateway gives itself, in Amazon's form or as a problem (RFC 9457).
type refusal struct {
	Status                 int
	Code, Message, Details string
	RetryAfter             time.Duration // 0: no header
	why                    string        // one word, for audit and metrics
}

// refuse answers with a refusal.
func (x *exchange) refuse(no *refusal) {
	x.record.Refused = no.why
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(no.Status)
	_ = json.NewEncoder(x.w).Encode(map[string]any{"errors": []any{map[string]string{"code": no.Code, "message": no.Message, "details": no.Details}}})
}

var _ http.Handler = (*Gateway)(nil)
