package emulator

import (
	"net/http"
	"time"
)

var applicationFlow = flow{
	handlers: map[string]handler{"application20231130.rotateApplicationClientSecret": rotateApplicationClientSecret},
	notices:  remindOfSecret,
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
func rotateApplicationClientSecret(c *call) (reply, *apiError) {
	out := c.desk.outbox
	queue := out.credentialQueue()
	if queue == "" {
		// developer-docs.amazon.com/sp-api/changelog/update-400-error-response-message-for-rotateapplicationclientsecret
		return reply{}, invalid("Application is not enrolled for rotation notification. Please update application notification preference in Developer console.", "")
	}
	c.desk.auth.renewSecret(c.now, secretLifetime, func(app *application) {
		out.send(queue, secretNews(c.desk, "APPLICATION_OAUTH_CLIENT_NEW_SECRET", app.id, object{
			"applicationOAuthClientNewSecret": object{
				"clientId": app.clientID, "newClientSecret": app.secret,
				"newClientSecretExpiryTime": millis(app.secretExpiry), "oldClientSecretExpiryTime": millis(c.now.Add(oldSecretLifetime)),
			},
		}), c.now)
	})
	return reply{status: http.StatusNoContent}, nil
}

// remindOfSecret tells the registered queue once that the secret is near its end.
func remindOfSecret(d *frontDesk, now time.Time) {
	end := d.auth.secretExpiry()
	if end.IsZero() || now.Before(end.Add(-secretNotice)) {
		return
	}
	app := d.auth.application()
	d.outbox.remind(end, secretNews(d, "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY", app.id, object{
		"applicationOAuthClientSecretExpiry": object{
			"clientId": app.clientID, "clientSecretExpiryTime": millis(end), "clientSecretExpiryReason": "PERIODIC_ROTATION",
		},
	}), now)
}

// secretNews is a notification of the console's subscription to news about secrets.
func secretNews(d *frontDesk, kind, application string, payload object) notification {
	return notification{kind: kind, version: secretPayloadVersion, application: application, subscription: d.seed.Of("secret subscription").UUID(), payload: payload}
}
