package emulator

import (
	"net/http"
	"time"
)

var applicationFlow = flow{"application20231130.rotateApplicationClientSecret": rotateApplicationClientSecret}

const (
	// A secret is good for 180 days, and the first notice comes 90 days before its end
	// (developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials).
	secretLifetime = 180 * 24 * time.Hour
	secretNotice   = 90 * 24 * time.Hour
	// payloadVersion of both notifications about secrets (selling-partner-api-samples, use-cases/lwa-rotation).
	secretPayloadVersion = "2023-11-30"
)

// WithCredentialQueue registers the queue to which new client secrets are sent, as developers do in the console: an ARN such as
// "arn:aws:sqs:us-east-1:123456789012:secrets". Without one, rotateApplicationClientSecret answers 400.
func WithCredentialQueue(arn string) Option { return func(o *options) { o.secretQueue = arn } }

// SetCredentialQueue registers another queue for new client secrets, or none.
func (e *Emulator) SetCredentialQueue(arn string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.outbox.secretQueue = arn
}

// rotateApplicationClientSecret makes a new secret, which goes to the registered queue and nowhere else.
func rotateApplicationClientSecret(c *call) (reply, *apiError) {
	e := c.emu
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.outbox.secretQueue == "" {
		// developer-docs.amazon.com/sp-api/changelog/update-400-error-response-message-for-rotateapplicationclientsecret
		return reply{}, invalid("Application is not enrolled for rotation notification. Please update application notification preference in Developer console.", "")
	}
	secret := e.rotateSecret(c.now)
	e.app.secretExpiry = c.now.Add(secretLifetime)
	e.post(e.outbox.secretQueue, e.envelope("APPLICATION_OAUTH_CLIENT_NEW_SECRET", secretPayloadVersion, e.secretSubscription(), false, object{
		"applicationOAuthClientNewSecret": object{
			"clientId": e.app.clientID, "newClientSecret": secret,
			"newClientSecretExpiryTime": millis(e.app.secretExpiry), "oldClientSecretExpiryTime": millis(c.now.Add(oldSecretLifetime)),
		},
	}, c.now), c.now)
	return reply{status: http.StatusNoContent}, nil
}

// remindOfSecret tells the registered queue once that the secret is near its end. It wants e.mu held.
func (e *Emulator) remindOfSecret(now time.Time) {
	end := e.app.secretExpiry
	if end.IsZero() || now.Before(end.Add(-secretNotice)) || end.Equal(e.outbox.reminded) || e.outbox.secretQueue == "" {
		return
	}
	e.outbox.reminded = end
	e.post(e.outbox.secretQueue, e.envelope("APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY", secretPayloadVersion, e.secretSubscription(), false, object{
		"applicationOAuthClientSecretExpiry": object{
			"clientId": e.app.clientID, "clientSecretExpiryTime": millis(end), "clientSecretExpiryReason": "PERIODIC_ROTATION",
		},
	}, now), now)
}

// secretSubscription is the id of the console's subscription to news about secrets.
func (e *Emulator) secretSubscription() string { return e.random("secret subscription").UUID() }
