package iomux

// StartAuto is the start function that nil stands for.
var StartAuto = startAuto
