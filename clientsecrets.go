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
	// otherSecretFirst is how long another secret is shown first after the current one was refused: so long its refusal would be kept, too.
	otherSecretFirst = refusalLifetime
	// sourcePause is the least time between two questions to the source of credentials, and sourceTimeout bounds one.
	sourcePause   = 10 * time.Second
	sourceTimeout = 30 * time.Second
)

// clientSecrets are those that an application shows Login with Amazon, one after the other until one isn't refused.
type clientSecrets struct {
	current, previous Secret
	source            func(context.Context) (Credentials, error) // nil: there is none

	mu    sync.Mutex
	first Secret // is shown before the current one, which was refused
	until time.Time

	turn  chan struct{} // whoever asks the source, or looks what it said
	asked time.Time
	found []Secret
}

func newClientSecrets(c Credentials, source func(context.Context) (Credentials, error)) *clientSecrets {
	return &clientSecrets{current: c.ClientSecret, previous: c.PreviousSecret, source: source, turn: make(chan struct{}, 1)}
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
		_ = next(s.preferred(), s.current, s.previous) && (s.source == nil || next(s.ask(ctx, logger)...))
	}
}

func (s *clientSecrets) preferred() Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.until) {
		return s.first
	}
	return Secret{}
}

// worked notes which secret was accepted after another one was refused. It reports whether that is news to whoever reads the log.
func (s *clientSecrets) worked(secret Secret) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if secret == s.current {
		s.first = Secret{}
		return false
	}
	news := s.first != secret || !now.Before(s.until)
	s.first, s.until = secret, now.Add(otherSecretFirst)
	return news
}

// ask returns the secrets of the source. All who come meanwhile get the same answer.
func (s *clientSecrets) ask(ctx context.Context, logger *slog.Logger) []Secret {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil
	}
	now := time.Now()
	if !s.asked.IsZero() && now.Before(s.asked.Add(sourcePause)) {
		return s.found
	}
	s.asked = now
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	c, err := s.source(ctx)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		logger.LogAttrs(ctx, slog.LevelWarn, "spapi: the client secret was refused, and whether there is a newer one can't be read", slog.String("error", scrub(err.Error())))
		return s.found
	}
	s.found = []Secret{c.ClientSecret, c.PreviousSecret}
	return s.found
}

// known are all secrets that must not show.
func (s *clientSecrets) known(shown Secret) []string {
	return []string{shown.Reveal(), s.current.Reveal(), s.previous.Reveal()}
}

// secretRefused reports whether it is the client secret that Login with Amazon refuses: another one may do.
func secretRefused(err error) bool {
	var auth *AuthError
	return errors.As(err, &auth) && (auth.Code == "invalid_client" || auth.Code == "" && auth.StatusCode == http.StatusUnauthorized)
}
