// Package httpscost holds the test that fits the model of internal/status to what HTTPS
// was measured to cost, and says how far off the model is.
package httpscost
