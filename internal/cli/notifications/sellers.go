package notifications

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/deliver"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/notifications"
)

// whom is whose notifications a command is about.
type whom struct {
	f          *factory.Factory
	sellers    []string
	allRegions bool
}

// allSellers stands for all stored accounts.
const allSellers = "all"

func (w *whom) addSellers(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&w.sellers, "sellers", nil,
		"`names` of stored accounts (spapi auth list) or profiles, or \"all\" for all stored accounts, in place of the account in force")
	_ = cmd.RegisterFlagCompletionFunc("sellers", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return append(w.f.AccountNames(), allSellers), cobra.ShellCompDirectiveNoFileComp
	})
}

func (w *whom) addRegions(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.allRegions, "all-regions", false, "the application's in all regions of SP-API, not only the account's")
}

// manager is that of the sellers. It sends nothing.
func (w *whom) manager(ctx context.Context) (*notifications.Manager, error) {
	m := &notifications.Manager{}
	if w.allRegions {
		m.Regions = marketplace.Regions()
	}
	if len(w.sellers) == 0 {
		t, err := w.f.Target(ctx)
		if err != nil {
			return nil, err
		}
		client, err := w.f.Client(ctx)
		if err != nil {
			return nil, err
		}
		name := t.Account.Name
		if t.Source == factory.FromProfile {
			if name = settings.NamedProfile(w.f.Flags.Profile); name == "" {
				name = "default"
			}
		}
		m.Sellers = []notifications.Seller{{Name: name, Client: client}}
		return m, nil
	}
	g := &w.f.Flags
	for _, other := range []struct {
		name  string
		given bool
	}{{"emulator", g.Emulator}, {"account", g.Account != ""}, {"profile", g.Profile != ""}, {"region", g.Region != ""}, {"marketplace", g.Marketplace.ID != ""}} {
		if other.given {
			return nil, exit.Usagef("--sellers and --%s exclude each other: each account has its own", other.name)
		}
	}
	names, err := w.names(ctx)
	if err != nil {
		return nil, err
	}
	clients, err := w.f.Clients()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		t, err := w.f.Named(ctx, name)
		if err != nil {
			return nil, err
		}
		client, err := clients.Of(t.Account, t.Application)
		if err != nil {
			return nil, err
		}
		w.f.Tell(t)
		m.Sellers = append(m.Sellers, notifications.Seller{Name: name, Client: client})
	}
	return m, nil
}

func (w *whom) names(ctx context.Context) ([]string, error) {
	if !slices.Contains(w.sellers, allSellers) {
		return w.sellers, nil
	}
	if len(w.sellers) > 1 {
		return nil, exit.Usagef("--sellers: %q goes without names", allSellers)
	}
	file, err := w.f.Store()
	if err != nil {
		return nil, err
	}
	list, err := file.List(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, a := range list {
		names = append(names, a.Name)
	}
	if len(names) == 0 {
		return nil, exit.Usagef("--sellers %s: no accounts are stored: \"spapi auth login\" stores one", allSellers)
	}
	return names, nil
}

// client is that of the one seller of commands that are about one.
func (w *whom) client(ctx context.Context) (*notifications.Manager, *spapi.Client, error) {
	m, err := w.manager(ctx)
	if err != nil {
		return nil, nil, err
	}
	return m, m.Sellers[0].Client, nil
}

// watch shows on a terminal how far reading and applying have got. The returned function ends that.
func watch(f *factory.Factory, m *notifications.Manager) (end func()) {
	bar := deliver.NewBar(f)
	m.Progress = func(p notifications.Progress) {
		doing := "reading what there is"
		if p.Doing == "apply" {
			doing = "applying"
		}
		bar.Say("%s: %d of %d", doing, p.Done, p.Total)
	}
	return bar.Close
}

// tellFindings tells what could not be read, as far as it isn't shown as data. Where that is anything, the error has the status of the worst.
func tellFindings(f *factory.Factory, findings []notifications.Finding) error {
	failed, status := 0, exit.Failure
	for _, n := range findings {
		f.Notef("%s", n)
		if n.Kind != notifications.FindingUnknown {
			continue
		}
		failed++
		if n.Explanation != nil && n.Explanation.Status != 0 {
			status = max(status, exit.OfAnswer(n.Explanation.Status))
		}
	}
	if failed == 0 {
		return nil
	}
	return &exit.StatusError{Status: status, Err: errors.New("not all could be read: " + output.Plural(failed, "failure"))}
}
