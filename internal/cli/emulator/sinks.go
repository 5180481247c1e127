package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/openspapi/spapi/internal/cli/exit"
)

// sinks are where messages to the application's queues go besides the queues.
type sinks struct {
	file *os.File
	post *poster
	told io.Writer // what is wrong

	failing bool // the last line could not be written
}

// openSinks opens what --notify-file and --notify-url name; nil where neither is given.
func (o *Options) openSinks() (*sinks, error) {
	if o.NotifyFile == "" && o.NotifyURL == "" {
		return nil, nil
	}
	s := &sinks{told: o.Streams.Err}
	if o.NotifyFile != "" {
		var err error
		if s.file, err = openLines(o.NotifyFile); err != nil {
			return nil, exit.Usagef("--notify-file: %w", err)
		}
		// Windows keeps permissions elsewhere, and Go reports 0666 there.
		if info, err := s.file.Stat(); err == nil && runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			fmt.Fprintf(o.Streams.Err, "--notify-file: others can read or write %s (mode %04o), and new client secrets come into it\n", o.NotifyFile, info.Mode().Perm())
		}
	}
	if o.NotifyURL != "" {
		if at, err := url.Parse(o.NotifyURL); err == nil && !loopback(at.Hostname()) {
			fmt.Fprintf(o.Streams.Err, "sends messages to %s, which is not this machine\n", at.Host)
		}
		s.post = newPoster(o.NotifyURL, http.DefaultTransport, o.Streams.Err)
	}
	return s, nil
}

// openLines opens a file to which whole lines are added. One that a process has left unfinished, which was killed, is ended.
func openLines(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	var last [1]byte
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		if _, err := f.ReadAt(last[:], info.Size()-1); err == nil && last[0] != '\n' {
			_, _ = f.WriteString("\n") // what is wrong shows with the first message
		}
	}
	return f, nil
}

// take takes a message. It must not wait: requests do meanwhile.
func (s *sinks) take(queue string, body []byte) {
	if s.file != nil {
		s.write(queue, body)
	}
	if s.post != nil {
		s.post.add(queue, body)
	}
}

// write adds a line to the file.
func (s *sinks) write(queue string, body []byte) {
	var text any = json.RawMessage(body)
	if !json.Valid(body) {
		text = string(body) // as a fault has it
	}
	line, err := json.Marshal(struct {
		Queue string `json:"queue"`
		Body  any    `json:"body"`
	}{queue, text})
	if err == nil {
		_, err = s.file.Write(append(line, '\n'))
	}
	if err != nil && !s.failing {
		fmt.Fprintf(s.told, "--notify-file: %v\n", err)
	}
	s.failing = err != nil
}

// close waits a little for what has not been sent yet.
func (s *sinks) close() {
	if s == nil {
		return
	}
	if s.post != nil {
		s.post.close()
	}
	if s.file != nil {
		if err := s.file.Close(); err != nil {
			fmt.Fprintf(s.told, "--notify-file: %v\n", err)
		}
	}
}

// poster sends messages by POST, in their order: the next one when the one before has been taken.
type poster struct {
	url    string
	client *http.Client
	told   io.Writer

	mu      sync.Mutex
	waiting []posted
	bytes   int
	more    chan struct{} // holds something when there are any
	dropped int           // in a row, because too many wait
	closing chan struct{}
	ended   chan struct{}
}

type posted struct {
	queue string
	body  []byte
}

const (
	// Bounds of what waits to be sent.
	maxPosted      = 10_000
	maxPostedBytes = 64 << 20

	postTimeout  = 10 * time.Second
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
	// postTries is how long a message is sent again and again.
	postTries = 5 * time.Minute
	// postGrace is how long the end waits for what has not been sent.
	postGrace = 2 * time.Second
)

func newPoster(to string, transport http.RoundTripper, told io.Writer) *poster {
	p := &poster{url: to, told: told, more: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}),
		client: &http.Client{Transport: transport, Timeout: postTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	go p.run()
	return p
}

func (p *poster) add(queue string, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) >= maxPosted || p.bytes+len(body) > maxPostedBytes {
		if p.dropped++; p.dropped == 1 {
			fmt.Fprintf(p.told, "--notify-url: %d messages wait to be sent: no more are taken until some are\n", len(p.waiting))
		}
		return
	}
	p.tellDropped()
	p.waiting, p.bytes = append(p.waiting, posted{queue, body}), p.bytes+len(body)
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// tellDropped wants p.mu held.
func (p *poster) tellDropped() {
	if p.dropped > 0 {
		fmt.Fprintf(p.told, "--notify-url: %d messages were not sent, because too many waited\n", p.dropped)
		p.dropped = 0
	}
}

func (p *poster) next() (m posted, left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if left = len(p.waiting); left > 0 {
		m = p.waiting[0]
		p.waiting, p.bytes = p.waiting[1:], p.bytes-len(m.body)
	}
	return m, left
}

// run sends until the end, and for a little while after it.
func (p *poster) run() {
	defer close(p.ended)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-p.closing
		grace := time.NewTimer(postGrace)
		defer grace.Stop()
		select {
		case <-grace.C:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		m, left := p.next()
		if left == 0 {
			select {
			case <-p.more:
				continue
			case <-p.closing:
			}
			if m, left = p.next(); left == 0 { // none came before the end
				return
			}
		}
		if p.send(ctx, m); ctx.Err() != nil {
			p.mu.Lock()
			fmt.Fprintf(p.told, "--notify-url: %d messages were not sent\n", len(p.waiting)+1)
			p.mu.Unlock()
			return
		}
	}
}

// send sends a message until it is taken, or refused for good.
func (p *poster) send(ctx context.Context, m posted) {
	end := time.Now().Add(postTries)
	failed := false
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		again, err := p.try(ctx, m)
		switch {
		case err == nil && failed:
			fmt.Fprintf(p.told, "--notify-url: %s takes messages again\n", p.host())
		case ctx.Err() != nil:
		case err != nil && (!again || time.Now().After(end)):
			fmt.Fprintf(p.told, "--notify-url: a message was not sent: %v\n", err)
		case err != nil && !failed:
			fmt.Fprintf(p.told, "--notify-url: %v; it is sent again\n", err)
		}
		if err == nil || !again || time.Now().After(end) || ctx.Err() != nil {
			return
		}
		failed = true
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (p *poster) host() string {
	at, err := url.Parse(p.url)
	if err != nil {
		return "the receiver"
	}
	return at.Host
}

// try sends a message once. again tells whether it may be taken later.
func (p *poster) try(ctx context.Context, m posted) (again bool, _ error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(m.body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Spapi-Queue", m.queue)
	resp, err := p.client.Do(req)
	if err != nil {
		return true, fmt.Errorf("%s can't be reached: %w", p.host(), reason(err)) // without the URL, which may have a password
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	if resp.StatusCode/100 == 2 {
		return false, nil
	}
	again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusRequestTimeout || resp.StatusCode == http.StatusTooManyRequests
	return again, fmt.Errorf("%s answers %d", p.host(), resp.StatusCode)
}

// reason is an error of net/http's without the request's URL.
func reason(err error) error {
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // it is the outermost
		return wrapped.Err
	}
	return err
}

func (p *poster) close() {
	close(p.closing)
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tellDropped()
}

// checkNotify finds mistakes in --notify-url.
func (o *Options) checkNotify() error {
	if o.NotifyURL == "" {
		return nil
	}
	if !address(o.NotifyURL) {
		return exit.Usagef("--notify-url: want an address such as http://127.0.0.1:9000/notifications")
	}
	return nil
}
