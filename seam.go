package spapi

// WithClientSecret returns the same application after its client secret changed: transport, limiter, tokens and retry budget are shared.
func (a *App) WithClientSecret(secret string) *App {
	b := *a
	b.credentials.ClientSecret = secret
	b.err = b.prepare()
	return &b
}

// FindOperation finds the operation of a request by its method and escaped path.
func FindOperation(method, path string) (Operation, bool) {
	if op := routes().find(method, path); op != nil {
		return *op, true
	}
	return Operation{}, false
}
