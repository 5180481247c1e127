package notifications

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openspapi/spapi"
)

// Handler handles some of the notifications: those that [On], [OnNewSecret], [OnUnknown] or [OnAny] made it for.
type Handler struct {
	name   string
	rank   int // lower ones are asked first
	takes  func(*Notification) bool
	handle func(context.Context, *Notification) error
}

// On handles payloads of one type, in any payload version that has it:
//
//	notifications.On(func(ctx context.Context, change *notifications.OrderChange) error { … })
//
// The payload is never nil. [FromContext] has the rest of the message.
func On[P Payload](handle func(ctx context.Context, payload *P) error) Handler {
	h := Handler{name: fmt.Sprintf("%T", new(P)), takes: func(n *Notification) bool { _, ok := n.Payload.(*P); return ok }}
	if handle != nil {
		h.handle = func(ctx context.Context, n *Notification) error { return handle(ctx, n.Payload.(*P)) }
	}
	return h
}

// OnNewSecret handles a client's new secret, which takes the place of one that works until oldUntil. What is returned before the secret is kept for good must
// be an error: Amazon doesn't tell it again.
func OnNewSecret(handle func(ctx context.Context, clientID string, secret spapi.Secret, oldUntil time.Time) error) Handler {
	if handle == nil {
		return On[ApplicationOAuthClientNewSecret](nil)
	}
	return On(func(ctx context.Context, p *ApplicationOAuthClientNewSecret) error {
		if p.ClientID == "" || p.NewClientSecret.IsZero() {
			return errors.New("notifications: a new secret without clientId and newClientSecret")
		}
		return handle(ctx, p.ClientID, p.NewClientSecret, p.OldClientSecretExpiryTime)
	})
}

// OnUnknown handles what has no Go type here: types and payload versions that Amazon has added, and payloads that aren't what they are said to be.
func OnUnknown(handle func(ctx context.Context, n *Notification) error) Handler {
	return Handler{name: "unknown notifications", rank: 1, takes: func(n *Notification) bool { return !n.Known() }, handle: handle}
}

// OnAny handles all that no other handler takes.
func OnAny(handle func(ctx context.Context, n *Notification) error) Handler {
	return Handler{name: "any notification", rank: 2, takes: func(*Notification) bool { return true }, handle: handle}
}

// Mux gives each notification to the handler that takes it.
type Mux struct {
	ranks [3][]Handler
}

// NewMux makes a Mux. It is an error to have two handlers for the same.
func NewMux(handlers ...Handler) (*Mux, error) {
	m := &Mux{}
	names := map[string]bool{}
	for i, h := range handlers {
		switch {
		case h.handle == nil && h.name != "":
			return nil, fmt.Errorf("notifications: handler %d, for %s, has no function", i, h.name)
		case h.handle == nil:
			return nil, fmt.Errorf("notifications: handler %d is the zero Handler: make it with On, OnNewSecret, OnUnknown or OnAny", i)
		case names[h.name]:
			return nil, fmt.Errorf("notifications: two handlers for %s: want one", h.name)
		}
		names[h.name] = true
		m.ranks[h.rank] = append(m.ranks[h.rank], h)
	}
	return m, nil
}

// UnhandledError is a notification that no handler takes. An [OnAny] that does nothing leaves out the rest.
type UnhandledError struct {
	Type           string
	PayloadVersion string
}

func (e *UnhandledError) Error() string {
	return fmt.Sprintf("notifications: no handler for %s, payload version %.100q", e.Type, e.PayloadVersion)
}

// Handle gives a notification to its handler and returns that one's error, or an [UnhandledError]. It is safe for concurrent use, if the handlers are. A
// handler's panic goes on to the caller.
func (m *Mux) Handle(ctx context.Context, n *Notification) error {
	for _, handlers := range m.ranks {
		for _, h := range handlers {
			if h.takes(n) {
				return h.handle(context.WithValue(ctx, contextKey{}, n), n)
			}
		}
	}
	return &UnhandledError{Type: n.Type, PayloadVersion: n.PayloadVersion}
}

type contextKey struct{}

// FromContext is the notification that a handler was called for, nil elsewhere.
func FromContext(ctx context.Context) *Notification {
	n, _ := ctx.Value(contextKey{}).(*Notification)
	return n
}
