// Command sensor sends readings to a Matrix room over a terrible link: each line of its
// standard input, a number, becomes a message.
//
//	while sleep 600; do cat /sys/class/thermal/thermal_zone0/temp; done |
//	    MATRIX_TOKEN=... sensor boat.pairing '!room:example.org'
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coapgw/coapgw/client"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: MATRIX_TOKEN=TOKEN sensor PAIRING-FILE ROOM-ID")
	}
	line, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := run(string(line), os.Args[2], os.Getenv("MATRIX_TOKEN"), os.Stdin); err != nil {
		log.Fatal(err)
	}
}

// run sends each line of readings to the room.
func run(pairing, room, token string, readings io.Reader) error {
	c, err := client.Open(pairing, client.Options{Device: client.Microcontroller}) // 5 MB less
	if err != nil {
		return err
	}
	defer c.Close()
	// A transaction of its own for each reading: what is sent again is not said twice.
	start := time.Now().UnixNano()
	lines := bufio.NewScanner(readings)
	for n := 0; lines.Scan(); n++ {
		if err := send(c, room, token, fmt.Sprintf("%x-%d", start, n), strings.TrimSpace(lines.Text())); err != nil {
			return err
		}
	}
	return lines.Err()
}

// send puts a reading, a number, into the room.
func send(c *client.Client, room, token, txn, reading string) error {
	if _, err := strconv.ParseFloat(reading, 64); err != nil {
		return err
	}
	body := `{"msgtype":"m.text","body":"` + reading + `"}`
	target := "https://matrix/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/send/m.room.message/" + txn
	r, err := http.NewRequest(http.MethodPut, target, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.Do(r) // an http.Client with c as its Transport does the same, in a larger program
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the homeserver answered %s", resp.Status)
	}
	return nil
}
