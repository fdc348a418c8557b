package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strings"

	"github.com/coapgw/coapgw/client"
	"github.com/coapgw/coapgw/conformance/ashore"
)

// A program adopts the link in three lines; what it does with its http.Client stays as it is.
func ExampleOpen() {
	far, err := ashore.Start() // a homeserver behind coapgw serve, in place of a real one
	if err != nil {
		log.Fatal(err)
	}
	defer far.Close()

	c, err := client.Open(far.Pairing, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	matrix := http.Client{Transport: c}

	resp, err := matrix.Get("https://ship.example/_matrix/client/versions")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status, resp.Header.Get("Content-Type"))
	fmt.Println("wire version", c.Status().WireVersion)
	// Output:
	// 200 OK application/json
	// wire version 2
}

// A device sleeps between two readings. What it sends next takes no handshake.
func ExampleClient_Suspend() {
	far, err := ashore.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer far.Close()
	c, err := client.Open(far.Pairing, client.Options{Link: "nbiot-ce2"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	matrix := http.Client{Transport: c}
	token, room := enter(&matrix)

	for i, reading := range []string{"21.5", "21.7", "22.0"} {
		c.Resume()
		if err := send(&matrix, token, room, fmt.Sprint("r", i), reading); err != nil {
			log.Fatal(err)
		}
		if err := c.Suspend(); err != nil { // and sleep
			log.Fatal(err)
		}
	}
	s := c.Status()
	fmt.Println(s.Handshakes, "handshake,", s.Resumed, "times resumed")
	// Output:
	// 1 handshake, 2 times resumed
}

// A program hears what is said in a room, and nothing else crosses the link.
func ExampleClient_Follow() {
	far, err := ashore.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer far.Close()
	c, err := client.Open(far.Pairing, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	matrix := http.Client{Transport: c}
	token, room := enter(&matrix)
	for i, text := range []string{"on", "off"} {
		if err := send(&matrix, token, room, fmt.Sprint("l", i), text); err != nil {
			log.Fatal(err)
		}
	}

	done := errors.New("done")
	err = c.Follow(context.Background(), client.Stream{Room: room, Token: token, Last: 2}, func(e client.Event) error {
		if e.Err != nil {
			return nil // it is being tried again
		}
		var said struct{ Sender, Body string }
		if err := json.Unmarshal(e.Fields, &said); err != nil {
			return err
		}
		fmt.Println(said.Sender, said.Body) // and keep e.Mark, to go on from it another time
		if said.Body == "off" {
			return done
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// thermometer on
	// thermometer off
	// done
}

// enter makes an account and a room.
func enter(matrix *http.Client) (token, room string) {
	var account struct {
		Token string `json:"access_token"`
	}
	var made struct {
		Room string `json:"room_id"`
	}
	const base = "https://ship.example/_matrix/client/v3/"
	for _, step := range []struct {
		path, body string
		answer     any
	}{
		{"register", `{"username":"thermometer","password":"secret","auth":{"type":"m.login.dummy"}}`, &account},
		{"createRoom", `{"name":"weather"}`, &made},
	} {
		r, err := http.NewRequest(http.MethodPost, base+step.path, strings.NewReader(step.body))
		if err != nil {
			log.Fatal(err)
		}
		if account.Token != "" {
			r.Header.Set("Authorization", "Bearer "+account.Token)
		}
		resp, err := matrix.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		err = json.NewDecoder(resp.Body).Decode(step.answer)
		resp.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
	}
	return account.Token, made.Room
}

// send puts a text into a room.
func send(matrix *http.Client, token, room, txn, text string) error {
	target := "https://ship.example/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/send/m.room.message/" + txn
	r, err := http.NewRequest(http.MethodPut, target, strings.NewReader(`{"msgtype":"m.text","body":"`+text+`"}`))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := matrix.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the homeserver answered %s", resp.Status)
	}
	return nil
}
