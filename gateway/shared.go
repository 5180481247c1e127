package gateway

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha1" //nolint:gosec // the name of a script in Redis
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/openspapi/spapi/fleet"
)

// Shared is a [State] on the server of a fleet, for gateways on several machines. See [NewShared].
//
// What lies on the server is sealed: who reads it learns nothing of keys, callers or accounts, and who writes to it can neither add a key nor take back a
// revocation. Each version has a higher number than the one before, which is sealed with it; who has seen a number takes no lower one. What the server
// has lost, by FLUSHALL or because a replica took over, the gateways write back, the highest number of them in the end.
type Shared struct {
	server fleet.Server
	config SharedConfig
	key    string        // on the server
	seals  []cipher.AEAD // the first seals, all open
	copy   string        // path of the copy; "" for none

	mu    sync.Mutex // of what follows; loads go one after the other
	known snapshot
	read  bool // the copy was looked at
	told  bool // that the copy can't be written
}

// SharedConfig says how a [Shared] state is kept.
type SharedConfig struct {
	// Secret seals it, 32 bytes at least: the one that all gateways of the fleet have.
	Secret []byte
	// OldSecrets open what was sealed before the secret was changed. The next change is sealed with Secret.
	OldSecrets [][]byte
	// Name tells gateways apart that are on one server and share no callers. Default: those without one share theirs.
	Name string
	// Folder keeps a copy, so that a gateway that starts while the server is away has keys; it is sealed, too. Empty: no copy.
	Folder string
	// Logger is told when the server had lost something. Nil: [slog.Default].
	Logger *slog.Logger
}

// snapshot is one version.
type snapshot struct {
	version int64 // 0: none
	box     string
	records *Records
}

//go:embed state_read.lua
var readText string

//go:embed state_write.lua
var writeText string

var readScript, writeScript = newScript(readText), newScript(writeText)

func newScript(text string) *fleet.Script {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // Redis names them so
	return &fleet.Script{Text: text, SHA1: hex.EncodeToString(sum[:])}
}

const (
	sharedPatience = time.Second // for one script
	sharedTries    = 20          // of a change that meets others
)

// NewShared makes a State on a server. It sends nothing yet. What cannot work is a *[spapi.ConfigError].
func NewShared(server fleet.Server, config SharedConfig) (*Shared, error) {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	s := &Shared{server: server, config: config, key: sharedKey(config.Name)}
	for _, secret := range append([][]byte{config.Secret}, config.OldSecrets...) {
		aead, err := stateSeal(secret)
		if err != nil {
			return nil, err
		}
		s.seals = append(s.seals, aead)
	}
	if config.Folder != "" {
		s.copy = filepath.Join(config.Folder, "shared-keys.json")
	}
	return s, nil
}

// sharedKey is where the state lies. As all names of a fleet it tells nothing but to who can guess.
func sharedKey(name string) string {
	sum := sha256.Sum256([]byte("gateway:" + strconv.Itoa(len(name)) + ":" + name))
	return "spapi:{" + base64.RawURLEncoding.EncodeToString(sum[:16]) + "}:g"
}

func stateSeal(secret []byte) (cipher.AEAD, error) {
	if len(secret) < 32 {
		return nil, invalid("secret", "", fmt.Sprintf("has %d bytes: want 32 random ones at least, the same for all gateways that share callers", len(secret)))
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "spapi gateway state v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// place is what a box is bound to: it opens under its own number and nowhere else.
func (s *Shared) place(version int64) []byte {
	return []byte(s.key + " " + strconv.FormatInt(version, 10))
}

func (s *Shared) seal(r *Records, version int64) (snapshot, error) {
	text, err := json.Marshal(book{bookVersion, r})
	if err != nil {
		return snapshot{}, err
	}
	return snapshot{version, string(s.seals[0].Seal(nil, nil, text, s.place(version))), r}, nil
}

func (s *Shared) open(version int64, box string) (snapshot, error) {
	for _, aead := range s.seals {
		if text, err := aead.Open(nil, nil, []byte(box), s.place(version)); err == nil {
			r, err := decode(text)
			return snapshot{version, box, r}, err
		}
	}
	return snapshot{}, errors.New("it was changed, or sealed with another secret")
}

// Load returns what the server has. What it has lost is written back.
func (s *Shared) Load(ctx context.Context) (*Records, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.look(ctx)
	return s.known.records, err
}

// look brings known up to date, and the server, where that has less.
func (s *Shared) look(ctx context.Context) error {
	if !s.read {
		if err := s.readCopy(); err != nil {
			s.config.Logger.Warn("the copy of keys and blocks can't be used", "file", s.copy, "error", err)
		}
		s.read = true
	}
	for range sharedTries {
		version, box, err := s.ask(ctx)
		switch {
		case err != nil:
			return err
		case version == s.known.version:
			if version == 0 && s.known.records == nil {
				s.known.records = new(Records)
			}
			return nil
		case version > s.known.version:
			found, err := s.open(version, box)
			if err != nil {
				return fmt.Errorf("keys and blocks on the fleet's server (%s) don't open: %w", s.key, err)
			}
			s.know(found)
			return nil
		}
		s.config.Logger.Warn("the fleet's server has lost keys and blocks: they are written back", "had", s.known.version, "found", version)
		if _, err := s.put(ctx, version, s.known); err != nil {
			return err
		}
	}
	return errors.New("keys and blocks on the fleet's server change all the time")
}

// ask asks for the version on the server, and for the box if that isn't the one that is known. 0: there is none.
func (s *Shared) ask(ctx context.Context) (version int64, box string, err error) {
	reply, err := s.run(ctx, readScript, strconv.FormatInt(s.known.version, 10))
	if err != nil {
		return 0, "", err
	}
	text, ok := reply.(string)
	if all, many := reply.([]any); many && len(all) == 2 {
		text, ok = all[0].(string)
		box, _ = all[1].(string)
	}
	if reply == nil {
		return 0, "", nil
	}
	if version, err = strconv.ParseInt(text, 10, 64); !ok || err != nil || version < 1 {
		return 0, "", fmt.Errorf("the fleet's server has something else at %s than keys and blocks", s.key)
	}
	return version, box, nil
}

// put writes a version in place of another, if that is still there.
func (s *Shared) put(ctx context.Context, before int64, next snapshot) (bool, error) {
	was := ""
	if before != 0 {
		was = strconv.FormatInt(before, 10)
	}
	reply, err := s.run(ctx, writeScript, was, strconv.FormatInt(next.version, 10), next.box)
	return reply == int64(1), err
}

func (s *Shared) run(ctx context.Context, script *fleet.Script, args ...string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, sharedPatience)
	defer cancel()
	reply, err := s.server.Run(ctx, script, []string{s.key}, args...)
	if err != nil {
		s.server.Drop()
		err = fmt.Errorf("keys and blocks on the fleet's server: %w", err)
	}
	return reply, err
}

// know takes a version for the newest.
func (s *Shared) know(n snapshot) {
	s.known = n
	if s.copy == "" {
		return
	}
	err := s.writeCopy(n)
	if err != nil && !s.told {
		s.config.Logger.Warn("keys and blocks can't be copied: a gateway that starts while the fleet's server is away will have none", "file", s.copy, "error", err)
	}
	s.told = err != nil
}

// Update changes what is on the server.
func (s *Shared) Update(ctx context.Context, change func(*Records) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := map[int64]bool{} // versions whose fate isn't known
	for try := range sharedTries {
		if err := s.look(ctx); err != nil {
			if len(sent) > 0 {
				return fmt.Errorf("%w: %w", err, ErrUnsure)
			}
			return err
		}
		if sent[s.known.version] {
			return nil
		}
		r, err := s.known.records.clone()
		if err != nil {
			return err
		}
		if err := change(r); err != nil {
			return err
		}
		// By the clock, so that two changes of gateways that do not see each other's have different numbers.
		next, err := s.seal(r, max(s.known.version+1, time.Now().UnixMicro()))
		if err != nil {
			return err
		}
		done, err := s.put(ctx, s.known.version, next)
		if err != nil {
			sent[next.version] = true // the reply may be what was lost
			continue
		}
		if done {
			s.know(next)
			return nil
		}
		if try > 0 {
			if err := pause(ctx, rand.N(time.Duration(try)*10*time.Millisecond)); err != nil {
				return err
			}
		}
	}
	return errors.New("keys and blocks on the fleet's server change all the time: nothing is changed")
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// clone copies records, so that those that were handed out stay as they are.
func (r *Records) clone() (*Records, error) {
	text, err := encode(r)
	if err != nil {
		return nil, err
	}
	return decode(text)
}

// stateCopy is the file beside a gateway.
type stateCopy struct {
	Key     string `json:"key"` // where it lies on the server
	Version int64  `json:"version"`
	Box     []byte `json:"box"`
}

// readCopy takes up what this machine knew last. It lifts known, so that a server with something older is told better.
func (s *Shared) readCopy() error {
	c, err := s.loadCopy()
	if err != nil || c.Version == 0 {
		return err
	}
	found, err := s.open(c.Version, string(c.Box))
	if err != nil {
		return err
	}
	s.known = found
	return nil
}

// loadCopy reads the copy; its version is 0 where there is none, or that of gateways of another name.
func (s *Shared) loadCopy() (c stateCopy, err error) {
	if s.copy == "" {
		return c, nil
	}
	text, err := readState(s.copy)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil || c.Key != s.key {
		return stateCopy{}, err
	}
	return c, nil
}

// writeCopy writes the copy, unless another process has written a newer one.
func (s *Shared) writeCopy(n snapshot) error {
	unlock, err := lockState(context.Background(), s.copy) // bounded, and held for as long as a write takes
	if err != nil {
		return err
	}
	defer unlock()
	if c, err := s.loadCopy(); err == nil && c.Version >= n.version {
		return nil
	}
	text, err := json.Marshal(stateCopy{s.key, n.version, []byte(n.box)})
	if err != nil {
		return err
	}
	return replaceFile(s.copy, text, func(string) {})
}
