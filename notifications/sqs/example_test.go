package sqs_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/config"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

// A program that takes notifications until it is told to end.
func ExampleConsumer() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mux, err := notifications.NewMux(
		notifications.On(func(ctx context.Context, change *notifications.OrderChange) error {
			fmt.Println(change.AmazonOrderID, "has changed") // read the order: what the message says of it may be old
			if sqs.FromContext(ctx).Late {
				fmt.Println("and a newer change of it has been handled already")
			}
			return nil
		}),
		notifications.OnAny(func(context.Context, *notifications.Notification) error { return nil }), // leave out the rest
	)
	if err != nil {
		log.Fatal(err)
	}
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	consumer, err := sqs.New(awssqs.NewFromConfig(settings), os.Getenv("QUEUE_URL"), mux.Handle, sqs.WithDeadLetters(os.Getenv("DEAD_LETTERS_URL")))
	if err != nil {
		log.Fatal(err)
	}
	if err := consumer.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
