package chaos

import "net/url"

// Selection is which objects a follower wants to be told of; the zero value is all of them.
type Selection struct {
	Lane string // by label
	Name string // by field
}

func (s Selection) query() url.Values {
	q := url.Values{}
	if s.Lane != "" {
		q.Set("labelSelector", laneKey+"="+s.Lane)
	}
	if s.Name != "" {
		q.Set("fieldSelector", "metadata.name="+s.Name)
	}
	return q
}

func (s Selection) takes(o *Object) bool {
	return o != nil && (s.Lane == "" || o.Metadata.Labels[laneKey] == s.Lane) && (s.Name == "" || o.Metadata.Name == s.Name)
}

// String is the selection for messages.
func (s Selection) String() string {
	if q := s.query().Encode(); q != "" {
		return q
	}
	return "everything"
}
