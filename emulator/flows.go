package emulator

// flows are all APIs that have a world behind them. The others are answered from their schemas.
var flows = []flow{
	jobsFlow,
	sellersFlow, catalogV0Flow, catalog2022Flow, ordersV0Flow, orders2026Flow, tokensFlow,
	applicationFlow, pricingV0Flow, pricing2022Flow, feesFlow, salesFlow, messagingFlow, solicitationsFlow, notificationsFlow, uploadsFlow,
	catalog2020Flow, listingsFlow, listings2020Flow, restrictionsFlow, productTypesFlow, inventoryFlow,
	reportsFlow, feedsFlow, dataKioskFlow,
}
