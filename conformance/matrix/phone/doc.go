// Package phone gives unmodified Matrix SDKs the URL that package mobile returns, as an app on a
// phone does, and puts the app to sleep between their requests.
package phone
