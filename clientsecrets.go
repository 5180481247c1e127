package spapi

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Amazon lets an application's old client secret work for seven days beside the new one
// (developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials). In that time either may be the one that is known here, or mistyped.

const (
	// otherSecretFirst is how long another secret is shown first after the current one was refused: as long as refusals are kept.
	otherSecretFirst = refusalLifetime
	// sourcePause is the least time between two questions to the source of credentials, and sourceTimeout bounds one.
	sourcePause   = 10 * time.Second
	sourceTimeout = 30 * time.Second
)

// clientSecrets are those that an application shows Login with Amazon, one after the other until one isn't refused.
type clientSecrets struct {
	current, previous Secret
	source            func(context.Context) (Credentials, error) // nil: there is none

	turn chan struct{} // whoever asks the source

	mu    sync.Mutex
	good  Secret // was accepted last, also before the secret changed
	first Secret // is shown before the current one, which was refused
	until time.Time
	asked time.Time // the source, in vain
	found []Secret  // by the source
}

// newClientSecrets begins with what before, which may be nil, has found out.
func newClientSecrets(c Credentials, source func(context.Context) (Credentials, error), before *clientSecrets) *clientSecrets {
	s := &clientSecrets{current: c.ClientSecret, previous: c.PreviousSecret, source: source, turn: make(chan struct{}, 1)}
	if before != nil {
		before.mu.Lock()
		s.good = before.good
		before.mu.Unlock()
	}
	return s
}

// all yields what may be tried, without repeats. The source is asked only of those who come that far.
func (s *clientSecrets) all(ctx context.Context, logger *slog.Logger) iter.Seq[Secret] {
	return func(yield func(Secret) bool) {
		var tried []Secret
		next := func(secrets ...Secret) bool {
			for _, secret := range secrets {
				if secret.IsZero() || slices.Contains(tried, secret) {
					continue
				}
				if tried = append(tried, secret); !yield(secret) {
					return false
				}
			}
			return true
		}
		first, good := s.learned()
		if !next(first, s.current, s.previous, good) {
			return
		}
		for s.source != nil {
			before := len(tried)
			if !next(s.ask(ctx, logger, tried)...) || len(tried) == before {
				return
			}
		}
	}
}

func (s *clientSecrets) learned() (first, good Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.until) {
		first = s.first
	}
	return first, s.good
}

// worked notes which secret was accepted. It reports whether it is another one than the current, and that is news to whoever reads the log.
func (s *clientSecrets) worked(secret Secret) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.good, s.asked = secret, time.Time{}
	if secret == s.current {
		s.first = Secret{}
		return false
	}
	if s.first == secret && now.Before(s.until) {
		return false
	}
	s.first, s.until = secret, now.Add(otherSecretFirst)
	return true
}

// ask returns the secrets of the source. Those who come meanwhile get the same answer, unless they have tried all of it.
func (s *clientSecrets) ask(ctx context.Context, logger *slog.Logger, tried []Secret) []Secret {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil
	}
	s.mu.Lock()
	now, found, asked := time.Now(), s.found, s.asked
	fresh := slices.ContainsFunc(found, func(f Secret) bool { return !f.IsZero() && !slices.Contains(tried, f) })
	if fresh || !asked.IsZero() && now.Before(asked.Add(sourcePause)) {
		s.mu.Unlock()
		return found
	}
	s.asked = now
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	c, err := s.source(ctx)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		logger.LogAttrs(ctx, slog.LevelWarn, "spapi: the client secret was refused, and whether there is a newer one can't be read", slog.String("error", scrub(err.Error())))
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found = []Secret{c.ClientSecret, c.PreviousSecret}
	return s.found
}

// known are all secrets that must not show.
func (s *clientSecrets) known(shown Secret) []string {
	_, good := s.learned()
	return []string{shown.Reveal(), s.current.Reveal(), s.previous.Reveal(), good.Reveal()}
}

// secretRefused reports whether it is the client secret that Login with Amazon refuses: another one may do.
func secretRefused(err error) bool {
	var auth *AuthError
	return errors.As(err, &auth) && (auth.Code == "invalid_client" || auth.Code == "" && auth.StatusCode == http.StatusUnauthorized)
}
