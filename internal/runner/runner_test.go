package runner

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

