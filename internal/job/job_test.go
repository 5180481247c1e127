package job

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitLooksLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, looks := time.Now(), 0
		err := Wait(t.Context(), Pause{}, func(context.Context) (bool, error) {
			looks++
			return time.Since(start) >= 10*time.Minute, nil
		})
		if err != nil || looks < 25 || looks > 40 {
			t.Errorf("%d looks in ten minutes, %v", looks, err)
		}
		if late := time.Since(start) - 10*time.Minute; late > 30*time.Second {
			t.Errorf("noticed %s late", late)
		}
	})
}

func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		if err := Wait(t.Context(), Pause{}, func(context.Context) (bool, error) { return false, boom }); !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, boom)
		defer cancel()
		if err := Wait(ctx, Pause{}, func(context.Context) (bool, error) { return false, nil }); !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
	})
}

func TestFileJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := NewFileJournal(path)
	if _, ok, err := j.Get("a"); ok || err != nil {
		t.Fatal(ok, err)
	}
	want := Entry{Began: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ID: "50001"}
	if err := j.Put("a", want); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := NewFileJournal(path).Get("a"); !ok || err != nil || got != want {
		t.Errorf("got %v %v %v", got, ok, err)
	}
	if err := j.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := j.Get("a"); ok || err != nil {
		t.Error(ok, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewFileJournal(path).Get("a"); err == nil {
		t.Error("a damaged journal passes for an empty one")
	}
}
