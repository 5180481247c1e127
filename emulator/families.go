package emulator

// family is a variation family: products of one kind and brand that differ in color and size, below a parent that can't be bought.
type family struct {
	parent   *product
	children []*product
}

// makeFamilies puts products of the same kind and brand together. A product without siblings has no family.
func makeFamilies(seed int64, account int, products []*product) map[string]*family {
	groups := map[string]*family{}
	var keys []string
	for _, p := range products {
		key := p.kind.name + "\x00" + p.brand
		if groups[key] == nil {
			groups[key] = &family{}
			keys = append(keys, key)
		}
		groups[key].children = append(groups[key].children, p)
	}
	families := map[string]*family{}
	for i, key := range keys {
		f := groups[key]
		if len(f.children) < 2 {
			continue
		}
		first := f.children[0]
		f.parent = &product{
			asin: "B0" + newRandom(seed, "family", account, i).text(base36, 6) + base36Digits(i), title: first.brand + " " + first.kind.plural, brand: first.brand, kind: first.kind,
			part: first.kind.typ[:2] + "-" + base36Digits(i), rank: first.rank, pack: 1, family: f,
		}
		for _, p := range f.children {
			p.family = f
		}
		families[f.parent.asin] = f
	}
	return families
}

// isParent tells whether an item only holds a family together.
func (p *product) isParent() bool { return p.family != nil && p.family.parent == p }

// relatives are the ASINs of an item's children, if it is a parent, or of its parent; nil when it has no family.
func (p *product) relatives() []string {
	switch {
	case p.family == nil:
		return nil
	case !p.isParent():
		return []string{p.family.parent.asin}
	}
	var asins []string
	for _, c := range p.family.children {
		asins = append(asins, c.asin)
	}
	return asins
}

// relationships2022 is that data set of catalog items 2022-04-01.
func relationships2022(p *product) []object {
	if p.family == nil {
		return []object{}
	}
	r := object{"type": "VARIATION", "variationTheme": object{"attributes": []string{"color", "size"}, "theme": "COLOR_NAME/SIZE_NAME"}}
	if p.isParent() {
		r["childAsins"] = p.relatives()
	} else {
		r["parentAsins"] = p.relatives()
	}
	return []object{r}
}
