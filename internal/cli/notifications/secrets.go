package notifications

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

// Secrets is the queue to which Amazon sends new client secrets. Nothing else comes there: what does stays in it.
type Secrets struct {
	queue    *opened
	consumer *sqs.Consumer
}

// OpenSecrets opens the queue of an ARN or URL for new client secrets, and sees whether it can be reached. keep is called for each; the message is deleted
// when it returns nil, and comes again otherwise. It is also told, without a secret, when one nears its end.
func OpenSecrets(ctx context.Context, f *factory.Factory, named string, logger *slog.Logger, keep func(context.Context, accounts.Rotation) error) (*Secrets, error) {
	q, err := parseQueue(named)
	if err != nil {
		return nil, err
	}
	e, err := findEmulator(ctx, f)
	if err != nil {
		return nil, err
	}
	s := &Secrets{}
	if s.queue, err = openQueue(ctx, e, q); err != nil {
		return nil, err
	}
	if _, err := s.queue.client.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: aws.String(s.queue.url)}); err != nil {
		return nil, ofAWS(err)
	}
	mux, err := notifications.NewMux(
		notifications.On(func(ctx context.Context, p *notifications.ApplicationOAuthClientNewSecret) error {
			if p.ClientID == "" || p.NewClientSecret.IsZero() {
				return fmt.Errorf("a message about a new client secret has none: %w", errSecret)
			}
			return keep(ctx, accounts.Rotation{ClientID: p.ClientID, Secret: p.NewClientSecret, Expires: p.NewClientSecretExpiryTime, OldUntil: p.OldClientSecretExpiryTime})
		}),
		notifications.On(func(ctx context.Context, p *notifications.ApplicationOAuthClientSecretExpiry) error {
			logger.WarnContext(ctx, `a client secret nears its end: rotate it, "spapi auth rotate"`, "client_id", p.ClientID, "ends", p.ClientSecretExpiryTime)
			return keep(ctx, accounts.Rotation{ClientID: p.ClientID, Expires: p.ClientSecretExpiryTime})
		}))
	if err != nil {
		return nil, err
	}
	s.consumer, err = sqs.New(s.queue.client, s.queue.url, mux.Handle, sqs.WithLogger(logger), sqs.WithWorkers(1))
	if err != nil {
		return nil, exit.Usagef("%s", strings.ReplaceAll(err.Error(), "notifications/sqs: ", ""))
	}
	return s, nil
}

// URL is the queue's.
func (s *Secrets) URL() string { return s.queue.url }

// Run takes messages until ctx ends, and then lets what has begun end.
func (s *Secrets) Run(ctx context.Context) error { return ofAWS(s.consumer.Run(ctx)) }
