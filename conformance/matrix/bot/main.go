// Command bot is a Matrix bot on mautrix behind a terrible link: it answers "!ping" in every
// room that it is invited to. What differs from a bot on the internet is three lines.
//
//	MATRIX_TOKEN=... bot boat.pairing @bot:example.org
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/coapgw/coapgw/client"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: MATRIX_TOKEN=TOKEN bot PAIRING-FILE USER-ID")
	}
	line, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, string(line), id.UserID(os.Args[2]), os.Getenv("MATRIX_TOKEN")); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

// run answers until ctx ends.
func run(ctx context.Context, pairing string, user id.UserID, token string) error {
	c, err := client.Open(pairing, client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	bot, err := mautrix.NewClient("https://matrix", user, token)
	if err != nil {
		return err
	}
	bot.Client = &http.Client{Transport: c}

	syncer := bot.Syncer.(*mautrix.DefaultSyncer)
	syncer.OnEventType(event.StateMember, func(ctx context.Context, e *event.Event) {
		if e.GetStateKey() == string(user) && e.Content.AsMember().Membership == event.MembershipInvite {
			if _, err := bot.JoinRoomByID(ctx, e.RoomID); err != nil {
				log.Print(err)
			}
		}
	})
	syncer.OnEventType(event.EventMessage, func(ctx context.Context, e *event.Event) {
		if e.Content.AsMessage().Body == "!ping" && e.Sender != user {
			// An answer that is under way arrives before the bot ends.
			if _, err := bot.SendText(context.WithoutCancel(ctx), e.RoomID, "pong"); err != nil {
				log.Print(err)
			}
		}
	})
	return bot.SyncWithContext(ctx)
}
