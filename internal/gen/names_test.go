package main

import "testing"

func TestEnumTypesAreSingular(t *testing.T) {
	for in, want := range map[string]string{
		"OrderStatuses": "OrderStatus", "OrderStatus": "OrderStatus", "DetailCodes": "DetailCode", "Quantities": "Quantity", "Boxes": "Box", "Batches": "Batch",
		"Addresses": "Address", "Address": "Address", "OrderIDs": "OrderID", "PaymentMethodTypes": "PaymentMethodType", "S": "S", "IncludedData": "IncludedData",
		"GetOrderShipments": "GetOrderShipments", // an exception
	} {
		if got := enumType(in); got != want {
			t.Errorf("enumType(%q) = %q, want %q", in, got, want)
		}
	}
	models, err := loadModels(modelsDir(t))
	if err != nil {
		t.Fatal(err)
	}
	nameOperations(models)
	used := map[string]bool{}
	for _, m := range models {
		p, err := buildPackage(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Enums {
			used[e.Name] = true
			if pluralEnums[e.Name] == "" && singular(e.Name) != e.Name {
				t.Errorf("%s.%s is %s", m.pkg, e.Name, singular(e.Name))
			}
			used[m.pkg+" "+e.From] = true
		}
	}
	for name := range pluralEnums {
		if !used[name] {
			t.Errorf("pluralEnums: no enum type is called %s", name)
		}
	}
	for place := range typeExceptions {
		if !used[place] {
			t.Errorf("typeExceptions: no enum type stands at %s", place)
		}
	}
}
