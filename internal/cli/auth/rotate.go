package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/api/application20231130"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/notifications"
	"github.com/openspapi/spapi/internal/cli/when"
)

// RotateOptions are the flags of "spapi auth rotate" and what it works with.
type RotateOptions struct {
	Options
	Queue         string
	Receive       bool
	SecretStdin   bool
	SecretExpires when.Time
}

// rotated is what "spapi auth rotate" shows.
type rotated struct {
	ClientID      string    `json:"client_id"`
	Stored        bool      `json:"stored"`                  // the new secret is
	SecretExpires time.Time `json:"secret_expires,omitzero"` // of the new secret, if that is known
	OldUntil      time.Time `json:"old_until,omitzero"`      // how long the old one works
}

// secretsQueue is where the embedded emulator sends new secrets.
const secretsQueue = "arn:aws:sqs:us-east-1:123456789012:secrets"

// NewCmdRotate returns "spapi auth rotate". runF replaces the work in tests.
func NewCmdRotate(f *factory.Factory, runF func(context.Context, *RotateOptions) error) *cobra.Command {
	opts := &RotateOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "rotate [name]",
		Short: "Change the client secret of an account's application",
		Long: "Amazon wants a new client secret every 180 days. The old one works for seven days beside the new one; refresh tokens stay. Both are stored, so that\n" +
			"commands and the gateway go on with whichever Login with Amazon takes. For all accounts of the application it is done once.\n\n" +
			"There are three ways to a new secret:\n\n" +
			"  with --queue          lets Amazon make one, waits until it comes by the queue, tries it and stores it. The queue is the one that is registered in\n" +
			"                        Developer Central for the application's rotation; without one there Amazon refuses. --receive takes one that was made before.\n" +
			"  without flags         lets Amazon make one, which a gateway (rotation.queue) or another program takes from the queue and stores\n" +
			"  with --secret-stdin   tries and stores one that was made in Developer Central: it is asked for, or the first line of stdin\n\n" +
			"A message with the secret is deleted from the queue when the secret is stored. --timeout bounds the wait; what comes later is still had with --receive,\n" +
			"as long as the queue keeps it.",
		Example: "  spapi --emulator auth rotate --yes\n" +
			"  spapi auth rotate shop-de --queue arn:aws:sqs:us-east-1:123456789012:secrets\n" +
			"  spapi auth rotate shop-de --secret-stdin",
		Args: one,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.choose(args)
			switch {
			case opts.SecretStdin && (opts.Queue != "" || opts.Receive):
				return exit.Usagef("--secret-stdin brings the secret: --queue and --receive don't go with it")
			case opts.Receive && opts.Queue == "" && !f.Flags.Emulator:
				return exit.Usagef("--receive needs --queue, the queue that is registered in Developer Central for new secrets")
			case opts.SecretExpires.Given() && !opts.SecretStdin:
				return exit.Usagef("--secret-expires goes with --secret-stdin: otherwise Amazon tells it")
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return rotate(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Queue, "queue", "", "`URL or ARN` of the queue to which Amazon sends the new secret; it is waited for and stored")
	flags.BoolVar(&opts.Receive, "receive", false, "make no new secret; store one that was made before and is in the queue")
	flags.BoolVar(&opts.SecretStdin, "secret-stdin", false, "store a secret that was made in Developer Central")
	when.Flag(flags, &opts.SecretExpires, "secret-expires", "", "`time` at which the secret of --secret-stdin ends, in UTC", "")
	return cmd
}

func rotate(ctx context.Context, opts *RotateOptions) error {
	f := opts.Factory
	t, err := f.Target(ctx)
	if err != nil {
		return err
	}
	keeps := opts.SecretStdin || opts.Queue != "" || opts.Receive
	if keeps && t.Source != factory.FromAccount && t.Source != factory.FromEmulator {
		return exit.Usagef("the client secret is not stored but comes from the %s: change it there, or store the account with \"spapi auth login\"", t.Source)
	}
	r := &rotation{opts: opts, target: t}
	if opts.SecretStdin {
		return r.take(ctx)
	}
	if f.Flags.Emulator {
		emu, err := f.Emulator()
		if err != nil {
			return err
		}
		emu.SetCredentialQueue(secretsQueue)
		if opts.Queue == "" {
			opts.Queue = secretsQueue
		}
	}
	if opts.Queue == "" {
		if err := r.ask(ctx); err != nil {
			return err
		}
		f.Notef("Amazon sends the new secret to the queue that is registered in Developer Central; the old one works for seven days. A gateway with that queue stores " +
			"it by itself, else: spapi auth rotate --receive --queue ARN")
		return f.Print(ctx, rotated{ClientID: t.Application.ClientID, OldUntil: time.Now().Add(accounts.SecretOverlap).UTC().Truncate(time.Second)})
	}
	return r.receive(ctx)
}

// rotation is one of these under way.
type rotation struct {
	opts   *RotateOptions
	target factory.Target
}

// ask lets Amazon make a new secret.
func (r *rotation) ask(ctx context.Context) error {
	f := r.opts.Factory
	err := f.Confirm(ctx, fmt.Sprintf("Let Amazon make a new client secret of %s? The present one ends seven days later.", r.target.Application.ClientID))
	if err != nil {
		return err
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	return application20231130.New(client).RotateApplicationClientSecret(ctx, nil)
}

// receive asks for a new secret, unless one is there already, and stores what the queue brings.
func (r *rotation) receive(ctx context.Context) error {
	f, clientID := r.opts.Factory, r.target.Application.ClientID
	var mine *rotated
	run, end := context.WithCancelCause(ctx)
	defer end(nil)
	queue, err := notifications.OpenSecrets(ctx, f, r.opts.Queue, slog.New(slog.DiscardHandler), func(ctx context.Context, fresh accounts.Rotation) error {
		if fresh.Secret.IsZero() {
			return r.keepEnd(ctx, fresh)
		}
		if fresh.ClientID != clientID {
			f.Notef("a new secret of another application, %s, stays in the queue", fresh.ClientID)
			return errOther
		}
		shown, err := r.keep(ctx, fresh)
		if err != nil {
			end(err)
			return err
		}
		if mine == nil {
			mine = &shown
			end(errStored)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !r.opts.Receive {
		if err := r.ask(ctx); err != nil {
			return err
		}
	}
	w := f.Await("the new client secret in %s", queue.URL())
	err = queue.Run(run)
	w.End()
	switch cause := context.Cause(run); {
	case mine != nil && (err == nil || errors.Is(cause, errStored)):
		return f.Print(ctx, *mine)
	case err != nil:
		return exit.Late(err)
	case cause != nil:
		return exit.Late(cause)
	}
	return exit.Late(errors.New("the queue brought no new client secret"))
}

var (
	errStored = errors.New("the new client secret is stored")
	errOther  = errors.New("it is another application's")
)

// take stores a secret that was made in the console.
func (r *rotation) take(ctx context.Context) error {
	f := r.opts.Factory
	text, err := (&LoginOptions{Factory: f}).ask(ctx, "New LWA client secret: ")
	if err != nil {
		return err
	}
	fresh := accounts.Rotation{ClientID: r.target.Application.ClientID, Secret: spapi.NewSecret(text)}
	if r.opts.SecretExpires.Given() {
		fresh.Expires = r.opts.SecretExpires.Begin(time.Now(), time.UTC)
	}
	shown, err := r.keep(ctx, fresh)
	if err != nil {
		return err
	}
	return f.Print(ctx, shown)
}

// keep tries a new secret and stores it. One that doesn't work is not stored.
func (r *rotation) keep(ctx context.Context, fresh accounts.Rotation) (rotated, error) {
	f := r.opts.Factory
	clients, err := f.Clients(spapi.WithTokenStore(spapi.NewTokenStore())) // a token that is in hand already would prove nothing
	if err != nil {
		return rotated{}, err
	}
	client, err := clients.Of(r.target.Account, accounts.Application{ClientID: fresh.ClientID, ClientSecret: fresh.Secret})
	if err != nil {
		return rotated{}, err
	}
	if _, err := client.AccessToken(ctx); err != nil {
		return rotated{}, err
	}
	shown := rotated{ClientID: fresh.ClientID, SecretExpires: fresh.Expires, OldUntil: fresh.OldUntil}
	if f.Flags.Emulator {
		f.Notef("the new secret works; it is the embedded emulator's and not stored")
		return shown, nil
	}
	store, err := f.Store()
	if err != nil {
		return rotated{}, err
	}
	stored, err := accounts.Rotate(ctx, store, fresh)
	if err != nil {
		return rotated{}, err
	}
	f.Notef("the new secret works and is stored in %s; the old one is kept beside it", store)
	return rotated{ClientID: stored.ClientID, Stored: true, SecretExpires: stored.SecretExpires, OldUntil: stored.PreviousExpires}, nil
}

// keepEnd stores when the secret in force ends.
func (r *rotation) keepEnd(ctx context.Context, told accounts.Rotation) error {
	if r.opts.Factory.Flags.Emulator {
		return nil
	}
	store, err := r.opts.Factory.Store()
	if err != nil {
		return err
	}
	_, err = accounts.Rotate(ctx, store, told)
	return err
}
