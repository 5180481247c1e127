// Package application answers for application management.
package application

import (
	"net/http"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
)

type object = format.Object

// Flow is the API of application management.
var Flow = desk.Flow{
	Handlers: map[string]desk.Handler{"application20231130.rotateApplicationClientSecret": rotateApplicationClientSecret},
	Notices:  remindOfSecret,
}

const (
	// A secret is good for 180 days, and the first notice comes 90 days before its end
	// (developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials).
	secretLifetime = 180 * 24 * time.Hour
	secretNotice   = 90 * 24 * time.Hour
	// payloadVersion of both notifications about secrets (selling-partner-api-samples, use-cases/lwa-rotation).
	secretPayloadVersion = "2023-11-30"
)

// rotateApplicationClientSecret makes a new secret, which goes to the registered queue and nowhere else.
func rotateApplicationClientSecret(c *desk.Call) (answer.Reply, *answer.Error) {
	if !Rotate(c.Desk, c.Now) {
		// developer-docs.amazon.com/sp-api/changelog/update-400-error-response-message-for-rotateapplicationclientsecret
		return answer.Reply{}, answer.Invalid("Application is not enrolled for rotation notification. Please update application notification preference in Developer console.", "")
	}
	return answer.Reply{Status: http.StatusNoContent}, nil
}

// Rotate gives the application a new secret and tells the registered queue of it; false where none is registered, and then nothing is changed.
func Rotate(d *desk.Desk, now time.Time) bool {
	out := d.Outbox
	queue := out.CredentialQueue()
	if queue == "" {
		return false
	}
	d.Auth.RenewSecret(now, secretLifetime, func(app *auth.Application) {
		out.Send(queue, secretNews(d, "APPLICATION_OAUTH_CLIENT_NEW_SECRET", app.ID, object{
			"applicationOAuthClientNewSecret": object{
				"clientId": app.ClientID, "newClientSecret": app.Secret,
				"newClientSecretExpiryTime": desk.Millis(app.SecretExpiry), "oldClientSecretExpiryTime": desk.Millis(now.Add(auth.OldSecretLifetime)),
			},
		}), now)
	})
	return true
}

// remindOfSecret tells the registered queue once that the secret is near its end.
func remindOfSecret(d *desk.Desk, now time.Time) {
	end := d.Auth.SecretExpiry()
	if end.IsZero() || now.Before(end.Add(-secretNotice)) {
		return
	}
	app := d.Auth.Application()
	d.Outbox.Remind(end, secretNews(d, "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY", app.ID, object{
		"applicationOAuthClientSecretExpiry": object{
			"clientId": app.ClientID, "clientSecretExpiryTime": desk.Millis(end), "clientSecretExpiryReason": "PERIODIC_ROTATION",
		},
	}), now)
}

// secretNews is a notification of the console's subscription to news about secrets.
func secretNews(d *desk.Desk, kind, application string, payload object) desk.Notification {
	return desk.Notification{Kind: kind, Version: secretPayloadVersion, Application: application, Subscription: d.Seed.Of("secret subscription").UUID(), Payload: payload}
}
