"""Words of medicine: English, with the commonest in Spanish, French, German, Italian and Portuguese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from holdfast.core.policy.detectors.guards import words_of

CLEAR = words_of(
    """
    diabetes diabetic prediabetes hypertension hypotension asthma asthmatic copd emphysema bronchitis pneumonia
    tuberculosis hiv aids hepatitis cirrhosis leukemia leukaemia lymphoma melanoma carcinoma sarcoma myeloma
    glioblastoma metastasis metastatic metastases tumor tumour chemotherapy radiotherapy mastectomy biopsy biopsies
    colonoscopy endoscopy mammogram hysterectomy appendectomy appendicitis vasectomy angioplasty stent dialysis
    epilepsy epileptic seizures parkinson's parkinsons alzheimer's alzheimers dementia schizophrenia schizophrenic
    bipolar adhd autism autistic ptsd ocd anorexia bulimia psychosis psychotic fibromyalgia arthritis osteoarthritis
    osteoporosis scoliosis sciatica lupus psoriasis eczema dermatitis endometriosis pcos menopause miscarriage ivf
    preeclampsia eclampsia infertility chlamydia gonorrhea gonorrhoea syphilis herpes hpv anemia anaemia hemophilia
    haemophilia thrombosis embolism arrhythmia fibrillation tachycardia bradycardia angina cardiomyopathy
    atherosclerosis aneurysm hypothyroidism hyperthyroidism hashimoto's celiac coeliac crohn's colitis ibs gerd
    gastritis pancreatitis diverticulitis gallstones nephritis neuropathy retinopathy glaucoma cataracts tinnitus
    vertigo migraines meningitis encephalitis sepsis septic mrsa malaria dengue cholera typhoid covid-19 shingles
    measles mumps rubella eclampsia lumpectomy tonsillectomy laparoscopy tracheotomy insomniac narcolepsy apnea apnoea
    sclerosis dystrophy palsy mononucleosis gout goiter lymphedema hernia hemorrhoids haemorrhoids antidepressant
    antidepressants antipsychotic antipsychotics antibiotics anticoagulant anticoagulants immunosuppressant opioid
    opioids benzodiazepine ssri ssris anaphylaxis anaphylactic epipen hba1c psychiatrist oncologist cardiologist
    neurologist gynecologist gynaecologist urologist rheumatologist endocrinologist nephrologist dermatologist
    psychotherapist esquizofrenia hipertensión quimioterapia embarazo leucemia cáncer depresión alergia diabète cancer
    cancers grossesse schizophrénie chimiothérapie leucémie asthme épilepsie bluthochdruck krebs krebserkrankung
    schwangerschaft epilepsie chemotherapie herzinfarkt schlaganfall demenz ipertensione gravidanza tumore
    chemioterapia epilessia hipertensão gravidez quimioterapia
    """
)
MEDICINES = words_of(
    """
    aspirin ibuprofen paracetamol acetaminophen tylenol advil aleve naproxen metformin insulin ozempic wegovy mounjaro
    warfarin heparin eliquis xarelto plavix clopidogrel lisinopril amlodipine losartan atorvastatin lipitor
    simvastatin levothyroxine synthroid prednisone prednisolone cortisone hydrocortisone albuterol ventolin salbutamol
    penicillin amoxicillin augmentin azithromycin doxycycline sertraline zoloft fluoxetine prozac citalopram
    escitalopram lexapro paroxetine venlafaxine effexor duloxetine cymbalta bupropion wellbutrin mirtazapine trazodone
    lithium quetiapine seroquel olanzapine risperidone aripiprazole abilify clozapine haloperidol lamotrigine
    valproate carbamazepine levetiracetam keppra gabapentin pregabalin lyrica adderall ritalin concerta vyvanse
    methylphenidate lisdexamfetamine xanax valium ativan klonopin ambien zolpidem oxycodone oxycontin percocet
    hydrocodone vicodin morphine fentanyl tramadol codeine methadone suboxone buprenorphine naloxone methotrexate
    humira enbrel remicade tamoxifen letrozole viagra cialis sildenafil tadalafil finasteride spironolactone
    furosemide hydrochlorothiazide omeprazole pantoprazole nexium ranitidine famotidine ondansetron cetirizine zyrtec
    loratadine claritin benadryl diphenhydramine truvada tenofovir antiretroviral antiretrovirals
    """
)
UNCLEAR = words_of(
    """
    depression depressed depressive anxiety panic stroke attack shock allergy allergies allergic infection infected
    virus fever pain aches migraine headache headaches surgery operation therapy therapist medication medications
    medicine meds dose dosage prescription pregnant pregnancy abortion cholesterol thyroid kidney liver heart lung
    lungs spine disc fracture fractured concussion relapse remission addiction addicted alcoholic alcoholism rehab
    withdrawal overdose suicidal suicide self-harm insomnia obesity obese overweight disability disabled blind deaf
    ulcer cyst polyp lump rash covid flu scan mri ultrasound x-ray symptoms syndrome disorder disease illness
    condition transplant implant pacemaker inhaler nuts peanuts peanut shellfish gluten lactose latex sulfa
    """
)
CONTEXT = words_of(
    """
    diagnosed diagnosis diagnoses prescribed prescribe prescribes prescription patient patients suffers suffer
    suffering suffered doctor doctors hospital hospitalized hospitalised clinic symptom symptoms treated treatment
    treatments medication medications dose mg allergic allergy intolerant chronic acute severe illness disease
    disorder syndrome medical surgeon nurse psychiatrist therapist therapy relapse remission test tested positive
    surgery history trimester weeks psychiatric clinical
    """
)
PHRASES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "heart": frozenset({"attack", "failure", "disease", "surgery", "bypass", "condition"}),
        "blood": frozenset({"pressure", "sugar", "clot", "clots", "transfusion", "test"}),
        "panic": frozenset({"attack", "attacks", "disorder"}),
        "anxiety": frozenset({"disorder", "attack", "attacks", "medication", "meds"}),
        "eating": frozenset({"disorder"}),
        "personality": frozenset({"disorder"}),
        "multiple": frozenset({"sclerosis", "myeloma"}),
        "kidney": frozenset({"disease", "failure", "stones", "transplant", "stone"}),
        "liver": frozenset({"disease", "failure", "transplant"}),
        "clinical": frozenset({"depression"}),
        "postpartum": frozenset({"depression", "psychosis"}),
        "postnatal": frozenset({"depression"}),
        "suicidal": frozenset({"thoughts", "ideation"}),
        "suicide": frozenset({"attempt"}),
        "food": frozenset({"allergy", "allergies", "poisoning"}),
        "peanut": frozenset({"allergy"}),
        "nut": frozenset({"allergy"}),
        "birth": frozenset({"control"}),
        "std": frozenset({"test", "clinic"}),
        "down": frozenset({"syndrome"}),
        "down's": frozenset({"syndrome"}),
        "substance": frozenset({"abuse"}),
        "alcohol": frozenset({"addiction", "dependence", "abuse"}),
        "spinal": frozenset({"injury", "fusion", "stenosis", "tap"}),
        "hip": frozenset({"replacement"}),
        "knee": frozenset({"replacement", "surgery"}),
        "sleep": frozenset({"apnea", "apnoea"}),
        "lyme": frozenset({"disease"}),
        "presión": frozenset({"arterial"}),
    }
)
"""Second words that make a term of the first."""
