package status

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"time"
)

//go:embed web
var web embed.FS

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"bytes":    bytesText,
	"size":     func(n int64) string { return bytesText(uint64(max(n, 0))) },
	"rate":     rateText,
	"duration": duration,
	"left":     leftText,
	"ago":      agoText,
	"percent":  percentText,
	"clock":    func(t time.Time) string { return t.Format("15:04") },
	"iso":      func(t time.Time) string { return t.Format(time.RFC3339) },
	"pointer":  func(t time.Time) *time.Time { return &t },
}).ParseFS(web, "web/page.html"))

// shownPage is what the template gets.
type shownPage struct {
	View
	Buttons []action
	Form    string
	// Result is what came of an action.
	Result string
	Failed bool
	Chart  chart
}

// page answers with the page.
func (h *Handler) page(w http.ResponseWriter, r *http.Request) {
	v := h.view(r.Context())
	p := shownPage{View: v, Buttons: h.buttons(&v), Form: h.form, Chart: chartOf(v.Minutes)}
	p.Result, p.Failed = result(r)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		answer(w, http.StatusInternalServerError, "The page could not be made.")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = b.WriteTo(w)
}

// asset answers with a file.
func asset(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		data, err := web.ReadFile(name)
		if err != nil {
			answer(w, http.StatusNotFound, "There is no such file.")
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(data)
	}
}

// chart is the bars of the latest minutes, up above the line and down below it.
type chart struct {
	Bars []bar
	// Most is the most that went in one direction in a minute, Sum all.
	Most, Sum uint64
}

// bar is one minute: x and heights in the units of the drawing.
type bar struct{ X, Up, UpY, Down int }

// Sizes of the drawing.
const (
	barStep   = 10
	halfChart = 40
)

func chartOf(minutes []MinuteView) chart {
	var c chart
	for _, m := range minutes {
		c.Most = max(c.Most, m.Up, m.Down)
		c.Sum += m.Up + m.Down
	}
	height := func(n uint64) int {
		if n == 0 {
			return 0
		}
		return max(int(n*(halfChart-2)/c.Most), 1)
	}
	from := keptMinutes - len(minutes)
	for i, m := range minutes {
		up := height(m.Up)
		c.Bars = append(c.Bars, bar{X: (from + i) * barStep, Up: up, UpY: halfChart - up, Down: height(m.Down)})
	}
	return c
}
