package accounts

import (
	"context"
	"time"

	"github.com/openspapi/spapi"
)

// SecretOverlap is how long an application's old client secret works beside a new one
// (developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials).
const SecretOverlap = 7 * 24 * time.Hour

// Rotation is a new client secret, as the notification APPLICATION_OAUTH_CLIENT_NEW_SECRET or the console tells it.
type Rotation struct {
	ClientID string
	Secret   spapi.Secret // zero: there is none, only the end of the one in force is told
	Expires  time.Time    // when it ends; zero: not known
	OldUntil time.Time    // when the old one ends; zero: [SecretOverlap] from now
}

// Rotate stores a new client secret in place of the application's, which becomes its PreviousSecret. A rotation that is stored already changes nothing,
// so that a message may come twice; one that is older than what is stored, by the ends of both secrets, becomes the previous one. What it
// returns is what is stored when it returns. Error: [ErrNotFound] if the application isn't stored, and those of the store.
//
//	notifications.On(func(ctx context.Context, p *notifications.ApplicationOAuthClientNewSecret) error {
//		_, err := accounts.Rotate(ctx, store, accounts.Rotation{ClientID: p.ClientID, Secret: p.NewClientSecret,
//			Expires: p.NewClientSecretExpiryTime, OldUntil: p.OldClientSecretExpiryTime})
//		return err
//	})
func Rotate(ctx context.Context, store Store, r Rotation) (Application, error) {
	application, err := store.Application(ctx, r.ClientID)
	if err != nil {
		return Application{}, err
	}
	changed := application.rotated(r, time.Now())
	if changed == application {
		return application, nil
	}
	if changed, err = changed.Clean(); err != nil {
		return Application{}, err
	}
	if err := store.PutApplication(ctx, changed); err != nil {
		return Application{}, err
	}
	return changed, nil
}

func (a Application) rotated(r Rotation, now time.Time) Application {
	if r.OldUntil.IsZero() {
		r.OldUntil = now.Add(SecretOverlap)
	}
	switch {
	case r.Secret.IsZero():
		if a.SecretExpires.IsZero() { // else the message may be about the one before
			a.SecretExpires = r.Expires.UTC().Truncate(time.Second)
		}
	case r.Secret == a.ClientSecret:
		if !r.Expires.IsZero() {
			a.SecretExpires = r.Expires.UTC().Truncate(time.Second)
		}
	case r.Secret == a.PreviousSecret: // told again, after a newer one
	case !r.Expires.IsZero() && r.Expires.Before(a.SecretExpires):
		a.PreviousSecret, a.PreviousExpires = r.Secret, r.Expires
	default:
		a.PreviousSecret, a.PreviousExpires = a.ClientSecret, r.OldUntil
		a.ClientSecret, a.SecretExpires = r.Secret, r.Expires
	}
	return a
}
