package spapi

// WithCredentials returns the application with other credentials, such as after a change of its secret. It shares transport, limiter,
// tokens and retry budget with a.
func (a *App) WithCredentials(credentials Credentials) *App {
	b := *a
	b.credentials = credentials
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
