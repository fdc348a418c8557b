package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A server is one homeserver to record: its name, what is spoken there, who lives
// there, and where they meet.
type server struct {
	Name string `json:"name"`
	// HeldOut servers are to measure with, never to train with: their texts, names and
	// rooms are others.
	HeldOut   bool            `json:"heldOut"`
	Languages []string        `json:"languages"`
	Presence  bool            `json:"presence"`
	Search    bool            `json:"search"`
	Version   string          `json:"roomVersion"`
	Messages  int             `json:"messages"`  // in the main room
	Encrypted int             `json:"encrypted"` // and in the encrypted one
	Rooms     json.RawMessage `json:"rooms"`
	Users     []user          `json:"users"`
}

// A user is an account and the client it uses.
type user struct {
	Name     string `json:"name"`
	Display  string `json:"display"`
	Device   string `json:"device"`
	Client   string `json:"client"`   // js, bot-sdk or mautrix
	Register bool   `json:"register"` // by the client itself
	// Second is set for a client that logs in late, to an account of an earlier one.
	Second bool `json:"second"`
	// Unrecorded is set for those who only keep the others company.
	Unrecorded bool `json:"unrecorded"`
	// Set here.
	Password string `json:"password"`
	BaseURL  string `json:"baseUrl"`
}

// A plan is what the clients in JavaScript are to do.
type plan struct {
	server
	Texts map[string][]string `json:"texts"`
}

func main() {
	out := flag.String("out", "../../testdata/corpus/recorded", "directory of the recordings")
	names := flag.String("servers", "", "comma-separated names of servers; empty: all")
	parallel := flag.Int("parallel", 2, "servers at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *names, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, names string, parallel int) error {
	var servers []server
	if err := readJSON("servers.json", &servers); err != nil {
		return err
	}
	if names != "" {
		wanted := strings.Split(names, ",")
		servers = slices.DeleteFunc(servers, func(s server) bool { return !slices.Contains(wanted, s.Name) })
	}
	executable, err := buildDendrite(ctx)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	failed := make([]error, len(servers))
	slots := make(chan struct{}, parallel)
	for i, s := range servers {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			begin := time.Now()
			err := record(ctx, executable, filepath.Join(out, s.Name), s)
			if err != nil {
				failed[i] = fmt.Errorf("%s: %w", s.Name, err)
			}
			fmt.Fprintf(os.Stderr, "%-28s %5.0f s %v\n", s.Name, time.Since(begin).Seconds(), err)
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

func readJSON(name string, to any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// record lets the users of one server live and writes what they said.
func record(ctx context.Context, executable, out string, s server) (err error) {
	texts := "texts/training.json"
	if s.HeldOut {
		texts = "texts/heldout.json"
	}
	p := plan{server: s}
	if err := readJSON(texts, &p.Texts); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "coapgw-record-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w (logs in %s)", err, dir)
			return
		}
		err = os.RemoveAll(dir)
	}()
	url, stop, err := startDendrite(ctx, executable, dir, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	var proxies []*proxy
	for i := range p.Users {
		u := &p.Users[i]
		session := u.Name
		if u.Second {
			session += "-2"
		}
		proxy, err := openProxy(url, session)
		if err != nil {
			return err
		}
		defer func() { _ = proxy.close() }() // harmless a second time
		proxies = append(proxies, proxy)
		u.Password, u.BaseURL = "Pw-"+u.Name+"-7k!", proxy.url
		if !u.Register && !u.Second {
			if err := register(ctx, url, *u); err != nil {
				return err
			}
		}
	}
	if err := live(ctx, dir, p); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for i, proxy := range proxies {
		if err := proxy.close(); err != nil {
			return err
		}
		if p.Users[i].Unrecorded {
			continue
		}
		var text bytes.Buffer
		if err := proxy.recording.writeTo(&text); err != nil {
			return err
		}
		name := filepath.Join(out, proxy.recording.session+".jsonl")
		if err := os.WriteFile(name, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// register makes an account past the proxies: its client is to log in.
func register(ctx context.Context, url string, u user) error {
	body, err := json.Marshal(map[string]any{
		"username": u.Name, "password": u.Password, "inhibit_login": true,
		"auth": map[string]string{"type": "m.login.dummy"},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/_matrix/client/v3/register", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("register %s: %s", u.Name, resp.Status)
	}
	return nil
}

// live runs the clients: those in JavaScript tell by their end when it is over.
func live(ctx context.Context, dir string, p plan) (err error) {
	botCtx, endBots := context.WithCancel(ctx)
	var bots sync.WaitGroup
	botErrs := make([]error, len(p.Users))
	for i, u := range p.Users {
		if u.Client != "mautrix" {
			continue
		}
		bots.Go(func() { botErrs[i] = runBot(botCtx, u, p) })
	}
	defer func() {
		endBots()
		bots.Wait()
		err = errors.Join(err, errors.Join(botErrs...))
	}()
	input, err := json.Marshal(p)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "clients.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, "node", "clients.mjs")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("clients.mjs: %w", err)
	}
	return nil
}
