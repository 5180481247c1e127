package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openspapi/spapi/accounts"
)

// RotateSecret takes in an application's new client secret, as a notification tells it: it is stored (see [accounts.Rotate]), and calls go on with
// both secrets from then on. One without a secret tells when the one in force ends. When it returns nil the message that told it may be deleted. A program has it called by a consumer of the queue for new
// secrets, package notifications/sqs.
func (g *Gateway) RotateSecret(ctx context.Context, r accounts.Rotation) error {
	stored, err := accounts.Rotate(ctx, g.config.Accounts, r)
	if err != nil {
		level, message := slog.LevelError, "a new client secret can't be stored: the old one ends"
		if errors.Is(err, accounts.ErrNotFound) {
			message = "a new client secret is of an application that is not stored"
		}
		g.config.Logger.Log(ctx, level, message, "client_id", r.ClientID, "old_until", r.OldUntil, "error", err)
		return err
	}
	if r.Secret.IsZero() {
		return nil // its end is told, which is stored
	}
	g.config.Logger.InfoContext(ctx, "a new client secret is stored", "client_id", r.ClientID, "expires", stored.SecretExpires, "old_until", stored.PreviousExpires)
	if err := g.accounts.reload(ctx); err != nil {
		g.config.Logger.WarnContext(ctx, "a new client secret is stored but not read yet: the old one serves until it is", "client_id", r.ClientID, "error", err)
	}
	return nil
}

// secretNotice are the times before the end of a client secret at which the log is told, once each, and afterwards day by day.
var secretNotice = []time.Duration{30 * day, 14 * day, 7 * day, 3 * day, 2 * day, day}

const day = 24 * time.Hour

// warn tells of client secrets that end.
func (c *clients) warn(r *roster, now time.Time) {
	for i := range r.applications {
		a := &r.applications[i]
		if a.SecretExpires.IsZero() {
			continue
		}
		mark := noticeOf(a.SecretExpires, now)
		if mark.IsZero() || !c.warned[a.ClientID].Before(mark) {
			continue
		}
		c.warned[a.ClientID] = now
		const how = `rotate it: "spapi auth rotate"`
		if left := a.SecretExpires.Sub(now); left > 0 {
			c.log.Warn("a client secret ends soon: "+how, "client_id", a.ClientID, "ends", a.SecretExpires, "days", int(left/day))
		} else {
			c.log.Error("a client secret has ended, or its stored date is wrong: "+how, "client_id", a.ClientID, "ended", a.SecretExpires)
		}
	}
}

// noticeOf is the last time at which the log is to be told that a secret ends; zero if there is none yet.
func noticeOf(end, now time.Time) (mark time.Time) {
	for _, before := range secretNotice {
		if at := end.Add(-before); !now.Before(at) {
			mark = at
		}
	}
	if over := now.Sub(end); over >= 0 {
		mark = end.Add(over / day * day)
	}
	return mark
}

// secretEnds are the ends of the client secrets of all applications, by client id, for metrics. Zero: not known.
func (g *Gateway) secretEnds() map[string]time.Time {
	known := g.accounts.known.Load()
	if known == nil {
		return nil
	}
	ends := make(map[string]time.Time, len(known.applications))
	for i := range known.applications {
		ends[known.applications[i].ClientID] = known.applications[i].SecretExpires
	}
	return ends
}
